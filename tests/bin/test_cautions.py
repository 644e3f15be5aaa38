"""A start says what keeps the strategy that was chosen from ever trading."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from actors.assembly import Assembly, Plan
from bin.cautions import cautions, orphaned
from models.engine import EngineParameters
from models.markets import Catalogue, Market
from models.units import DOLLAR, SHARE

CATALOGUE = Catalogue({name: Market(name, name, (f"{name}1", f"{name}2")) for name in ("one", "two")})


def said(shares: int, wallet: int = 1_000, strategy: str = "maker", merges: str = "") -> Sequence[str]:
    defaults = EngineParameters()
    parameters = replace(
        defaults,
        maker=replace(defaults.maker, bid_size=shares * SHARE),
        risk=replace(defaults.risk, wallet_usd=wallet * DOLLAR),
    )
    assembly = Assembly(Plan(CATALOGUE, {"desk": strategy}, parameters, "paper", "run"))
    return tuple(cautions({"desk": strategy}, assembly, CATALOGUE, merges))


def test_a_size_that_fits_needs_no_word() -> None:
    assert said(5) == ()


@pytest.mark.parametrize(
    ("shares", "wallet", "word"),
    [
        (1, 1_000, "size_below_minimum: 1 < 5 shares (PM_BID_SIZE): 2 of 2 markets will not be quoted"),
        (60, 1_000, "order_usd: 30 > 25 dollars (PM_BID_SIZE): 2 of 2 markets will not be quoted"),
    ],
)
def test_one_that_is_never_taken_is_named_with_its_limit(shares: int, wallet: int, word: str) -> None:
    assert said(shares, wallet) == (word,)


def test_only_the_strategy_that_has_the_size_is_held_against_it() -> None:
    assert said(1, strategy="two_sided") == ()


def test_pairs_that_nothing_can_merge_are_named() -> None:
    assert said(5, merges="no relayer key") == (
        "merge unavailable: no relayer key; a full market stays so until its pairs are gone",
    )


def test_what_the_desk_of_another_tag_holds_is_named_with_the_way_to_look_after_it() -> None:
    held = {
        ("desk", "one"): (SHARE, 0),
        ("before", "two"): (12 * SHARE, 7 * SHARE),
        ("before", "unlisted"): (0, SHARE),
        ("before", "paid"): (SHARE, 0),
    }
    catalogue = replace(CATALOGUE, resolved={"paid": 10_000})
    nobody = "nobody hedges, merges or flattens them; to do so: keel stop, then start with --tag before"
    assert tuple(orphaned(held, {"desk": "maker"}, catalogue)) == (
        f"the desk 'before', which is not started, holds 12 YES and 7 NO of two: {nobody}",
        f"the desk 'before', which is not started, holds 0 YES and 1 NO of unlisted: {nobody}",
    )
