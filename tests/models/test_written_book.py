"""A book is written for both tokens with every level as the venue writes it."""

from models.depth import Depth
from models.messages.market import BookUpdated
from models.units import SHARE
from models.written_book import written_book
from tests.little_engine import market


def test_both_tokens_are_written_best_first_and_mirror_each_other() -> None:
    book = BookUpdated(
        "m", 1, 1, 25, Depth({4_800: 5 * SHARE, 4_825: 1_500_000}), Depth({5_000: 10, 5_200: SHARE}),
        4_825, 5_000, 4_825, 5_000, None, 0, 0,
    )  # fmt: skip
    found = written_book(market(1), book)
    assert found["tick"] == "0.0025"
    assert found["yes"] == {
        "token_id": "11",
        "bids": [("0.4825", "1.5"), ("0.48", "5")],
        "asks": [("0.5", "0.00001"), ("0.52", "1")],
    }
    assert found["no"] == {
        "token_id": "12",
        "bids": [("0.5", "0.00001"), ("0.48", "1")],
        "asks": [("0.5175", "1.5"), ("0.52", "5")],
    }


def test_a_depth_keeps_the_best_levels_only() -> None:
    levels = dict.fromkeys(range(100, 2000, 100), SHARE)
    book = BookUpdated("m", 1, 1, 100, Depth(levels), Depth({}), 1_900, 10_000, 1_900, 10_000, "one_sided", 0, 0)
    found = written_book(market(1), book, 2)
    assert found["yes"] == {"token_id": "11", "bids": [("0.19", "1"), ("0.18", "1")], "asks": []}
    assert found["unusable"] == "one_sided"
