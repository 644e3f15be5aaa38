"""Real market data through tape, codec and books: the figures that the venue's own hashes and frames allow no other."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

from actors.venues.polymarket.codec import Codec, CodecCounts, MalformedFrame
from models.book import BookMachine
from models.book_parameters import BookCounts, BookParameters
from models.markets import NO, YES, Side
from models.messages.base import MarketId, Message
from models.messages.market import BookEpochChanged, BookResynchronised, BookUpdated, TradeSeen
from models.messages.runtime import WakeAt, Woke
from models.units import ONE, SHARE
from research.recorded_markets import recorded_markets
from research.tape import read_tapes

EACH = BookParameters(verify_every=1, tape_is_proof=True)
SAMPLED = BookParameters(verify_every=2, tape_is_proof=True)

MLB = {
    "20250617_mlb-cle-sf-2025-06-17": (1_917, 178, 178, 0),
    "20250617_mlb-mil-chc-2025-06-17": (1_990, 70, 70, 0),
    "20250617_mlb-sd-lad-2025-06-17": (4_149, 408, 0, 0),
    "20250619_mlb-ari-tor-2025-06-19_early-partial.csv.gz": (426, 36, 0, 0),
    "20250619_mlb-cle-sf-2025-06-19": (1_259, 98, 0, 0),
    "20250619_mlb-col-wsh-2025-06-19": (3_507, 238, 0, 4),
    "20250619_mlb-hou-bal-2025-06-19": (2_485, 196, 196, 0),
    "20250619_mlb-kc-tex-2025-06-19": (1_335, 14, 0, 0),
    "20250619_mlb-laa-nyy-2025-06-19": (1_955, 118, 0, 0),
    "20250619_mlb-mil-chc-2025-06-19": (2_336, 97, 0, 1),
    "20250619_mlb-min-cin-2025-06-19": (292, 64, 64, 0),
    "20250619_mlb-pit-det-2025-06-19": (330, 58, 0, 0),
    "20250619_mlb-stl-cws-2025-06-19": (2_213, 102, 0, 0),
}
"""Frames, full books, hashes that the file of markets lets verify, resyncs."""

FINER = {"sd-lad": 3_173, "laa-nyy": 730, "col-wsh": 3_429, "min-cin": 1, "pit-det": 1}
"""The frame with the first level off the grid of 0.01."""


AnyMessage = TypeVar("AnyMessage", bound=Message)


class Played(NamedTuple):
    books: dict[MarketId, BookMachine]
    said: list[tuple[int, Message]]
    """What was said, with the number of the frame that caused it."""
    counts: BookCounts
    codec: CodecCounts

    def of(self, kind: type[AnyMessage]) -> list[tuple[int, AnyMessage]]:
        return [(frame, message) for frame, message in self.said if isinstance(message, kind)]


def play(paths: Sequence[Path], parameters: BookParameters, markets_file: Path | None = None) -> Played:
    """Run recordings through books, on their own clock and with the deadlines that the books ask for."""
    recording = recorded_markets(read_tapes(paths), markets_file)
    codec = Codec(recording.tokens())
    books = {market.id: BookMachine(market, parameters) for market in recording.markets}
    said: list[tuple[int, Message]] = []
    due: dict[tuple[MarketId, str], int] = {}
    now_ns = 0

    def keep(frame: int, market: MarketId, out: tuple[Message, ...]) -> None:
        for message in out:
            if isinstance(message, WakeAt):
                assert message.at_ns is not None
                due[market, message.timer] = message.at_ns
            said.append((frame, message))

    for number, frame in enumerate(read_tapes(paths), start=1):
        end_ns = max(now_ns, frame.received_ns)
        while due and min(due.values()) <= end_ns:
            market, timer = min(due, key=lambda key: due[key])
            now_ns = max(now_ns, due.pop((market, timer)))
            keep(number, market, books[market].step(Woke(timer=timer), now_ns))
        now_ns = end_ns
        decode = codec.decode_rest if frame.rest else codec.decode
        for message in decode(frame.raw, frame.received_ns):
            assert not isinstance(message, MalformedFrame)
            keep(number, message.market, books[message.market].step(message, now_ns))
    counts = BookCounts()
    for book in books.values():
        counts.add(book.counts)
    return Played(books, said, counts, codec.counts)


@pytest.fixture(scope="module")
def mlb(shared: Path) -> Path:
    return shared / "recordings" / "signaldrift_mlb"


@pytest.mark.parametrize("name", MLB)
def test_an_mlb_recording_gives_its_hashes_resyncs_and_ticks(mlb: Path, name: str) -> None:
    frames, books, hashes, resyncs = MLB[name]
    path = mlb / "derived_frames" / f"{name}.jsonl.gz"
    played = play([path], EACH, mlb / "markets.json")
    counts = played.counts
    assert (counts.frames, counts.books) == (frames, books)
    assert (counts.book_hash_checked, counts.book_hash_ok, counts.hash_unproven) == (hashes, hashes, 0)
    assert (counts.resyncs, counts.gaps) == (resyncs, resyncs)
    changes = [frame for frame, message in played.of(BookEpochChanged) if "tick" in message.reason]
    assert changes == [number for market, number in FINER.items() if market in name]
    (book,) = played.books.values()
    (yes_bids, yes_asks), (no_bids, no_asks) = book.levels(YES), book.levels(NO)
    assert yes_bids == [(ONE - price, size) for price, size in no_asks]
    assert yes_asks == [(ONE - price, size) for price, size in no_bids]
    updates = [message for _, message in played.of(BookUpdated)]
    # One a frame, and one by the deadline of the only pair of books that stopped mirroring each other.
    assert len(updates) == frames + (name == "20250619_mlb-mil-chc-2025-06-19")
    assert all(update.bid < update.ask for update in updates if update.unusable is None)


def test_without_condition_ids_nothing_is_checked(mlb: Path) -> None:
    counts = play([mlb / "derived_frames" / "20250619_mlb-min-cin-2025-06-19.jsonl.gz"], EACH).counts
    assert (counts.hash_checked, counts.hash_unproven) == (0, 0)


def test_the_gaps_of_the_mlb_recordings_last_as_long_as_their_losses(mlb: Path) -> None:
    def gaps(name: str) -> list[int]:
        played = play([mlb / "derived_frames" / f"20250619_mlb-{name}-2025-06-19.jsonl.gz"], EACH)
        return [resync.gap_ms // 1_000 for _, resync in played.of(BookResynchronised)]

    assert gaps("col-wsh") == [59, 59, 2, 2]
    assert gaps("mil-chc") == [92]


def test_inferred_trades_come_once_though_every_trade_has_two_books(mlb: Path) -> None:
    paths = [mlb / "derived_frames" / f"{name}.jsonl.gz" for name in MLB]
    tellings: list[tuple[int, int]] = []
    unexplained = 0
    for path in paths:
        played = play([path], EACH)
        unexplained += played.counts.unexplained
        moments = {(trade.at_ns, trade.outcome) for _, trade in played.of(TradeSeen)}
        assert len({at_ns for at_ns, _ in moments}) == len(moments)
        tellings.append((played.counts.trades_inferred, len(moments)))
    assert tuple(map(sum, zip(*tellings, strict=True))) == (859, 760)
    assert unexplained == 232


@pytest.fixture(scope="module")
def jonah(shared: Path) -> list[Path]:
    return sorted((shared / "recordings" / "jonah_multifeed").glob("reports/sessions/*/raw_messages.jsonl.gz"))


def _sum(paths: Sequence[Path], parameters: BookParameters) -> BookCounts:
    counts = BookCounts()
    for path in paths:
        played = play([path], parameters, path.with_name("markets.jsonl.gz"))
        assert played.codec.malformed == played.codec.unknown_tokens == 0
        counts.add(played.counts)
    return counts


def test_the_envelopes_prove_all_their_books_and_66_of_70_changes(jonah: list[Path]) -> None:
    counts = _sum(jonah, EACH)
    assert (counts.rest_hash_ok, counts.rest_hash_checked) == (168, 168)
    assert (counts.book_hash_ok, counts.book_hash_checked) == (126, 126)
    assert (counts.change_hash_ok, counts.change_hash_checked) == (66, 70)
    assert (counts.gaps, counts.resyncs, counts.hash_unproven) == (4, 4, 0)
    # 41 frames change both tokens: 82 hashes, of which 12 come inside the gaps.
    assert counts.level_frames * 2 - counts.change_hash_checked == 12


def test_a_sample_that_waits_for_its_batch_finds_no_gap_in_the_envelopes(jonah: list[Path]) -> None:
    """The four gaps above are frames of one timestamp that all carry the hash of the last of them."""
    counts = _sum(jonah, SAMPLED)
    assert counts.change_hash_ok == counts.change_hash_checked > 0
    assert counts.gaps == 0


def test_answers_older_than_the_socket_are_not_taken(jonah: list[Path]) -> None:
    assert _sum(jonah, EACH).books_superseded == 54


@pytest.fixture(scope="module")
def fed(shared: Path) -> Path:
    return shared / "recordings" / "tinli_fixtures"


def test_the_fed_capture_proves_24_of_24_changes_with_and_without_its_gamma_object(fed: Path) -> None:
    gamma = fed / "gamma_0x8bf1c1536ecb1c08fe13c6b71e8ab1f58bf3461c4cb79f5f1679f869a06aef86.json"
    for markets_file in (None, gamma):
        played = play([fed / "ws_frames_fed.json"], EACH, markets_file)
        counts = played.counts
        assert (counts.change_hash_ok, counts.change_hash_checked) == (24, 24)
        assert (counts.book_hash_ok, counts.book_hash_checked) == (2, 2)
        assert (counts.gaps, counts.unexplained, counts.trades_inferred) == (0, 0, 0)
        ((_, trade),) = played.of(TradeSeen)
        assert (trade.side, trade.price, trade.size, trade.inferred) == (Side.BUY, 9_250, 216_216_215, False)
        (book,) = played.books.values()
        assert book.tick == 10


def test_the_level_of_the_fed_print_had_shrunk_by_it_before_it_came(fed: Path) -> None:
    played = play([fed / "ws_frames_fed.json"], EACH)
    ((printed_in, trade),) = played.of(TradeSeen)
    sizes = [(book.event_ns, book.asks.size_at(9_250)) for frame, book in played.of(BookUpdated) if frame < printed_in]
    (before, after) = list(dict.fromkeys(size for _, size in sizes))[-2:]
    assert (before, after) == (23_619_510_000, 23_403_290_000)
    assert abs(before - after - trade.size) < SHARE // 100
    assert trade.at_ns - max(event_ns for event_ns, _ in sizes) == 228_000_000
