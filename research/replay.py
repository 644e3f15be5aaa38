"""Recorded market data through the production actors, as fast as possible or paced, reproducibly.

The tape's own time drives the virtual clock: now = max(now, timestamp). In one instant the market speaks before our timers
do, so an order that arrives with a frame is judged against that frame.

Why a silence of the whole tape is a lost connection and a quiet token is not: a recording has no REST to ask, and a market
may be quiet for a minute; nobody can trade on what was missed while the recorder was off.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from actors.assembly import Plan
from actors.topology import VENUE, inventory_name
from actors.venues.polymarket.codec import Codec, MalformedFrame
from models.book import BookMachine
from models.coordinator import CoordinatorMachine
from models.engine import EngineParameters
from models.inventory import InventoryMachine
from models.markets import Catalogue, Market
from models.messages.base import MarketId, Message, Tag
from models.messages.control import Explain
from models.messages.decisions import Explained, Explanation
from models.messages.market import BookUpdated, FeedLost, FeedRestored
from models.messages.orders import FillCounted, IntentDenied, SubmitCancel, SubmitOrder
from models.messages.trace import encode_step
from models.positions import leg_of, net_diff
from models.units import ONE, Money, Price, format_money
from models.written_book import written_book
from research.recorded_markets import recorded_markets
from research.simulation import Simulation
from research.tape import TapeError, TapeFrame, read_tapes

_SILENCE_NS = 60_000_000_000

Progress = Callable[[int], object]
"""Told of frames played, now and then."""
Pace = Callable[[int], object]
"""Called with the virtual time of the next frame before it is played; may wait."""


class Replay:
    """One replay, from reading the recordings to its report.

    Raises TapeError for a damaged or foreign file, before any order.
    """

    def __init__(
        self,
        files: Sequence[Path],
        desks: dict[Tag, str],
        parameters: EngineParameters,
        *,
        markets_file: Path | None = None,
        seed: int = 1,
        trace: BinaryIO | None = None,
    ) -> None:
        self.warnings: list[str] = []
        self.frames = 0
        self._files = files
        # The first reading proves every file undamaged, so that nothing is half done when a later line is not.
        self._recorded = recorded_markets(self._tapes(), markets_file)
        self._tally = _Tally(trace)
        self._malformed: Counter[str] = Counter()
        self._events = 0
        self._desks = desks
        catalogue = Catalogue({market.id: market for market in self._recorded.markets})
        book = msgspec.structs.replace(parameters.book, tape_is_proof=True, verify_every=1, own_orders_in_feed=False)
        replayed = msgspec.structs.replace(parameters, book=book)
        self._plan = Plan(catalogue, desks, replayed, "paper", f"replay-{seed}", seed)
        self._simulation: Simulation | None = None

    @property
    def markets(self) -> tuple[Market, ...]:
        """The markets that the recordings hold."""
        return self._recorded.markets

    def run(self, progress: Progress | None = None, pace: Pace | None = None) -> dict[str, Any]:
        """Play everything and return the report, a `keel.replay/1` document."""
        codec = Codec(self._recorded.tokens())
        last_ns: int | None = None
        for at_ns, frame in _timed(self._tapes()):
            if self._simulation is None:
                self._simulation = Simulation(self._plan, at_ns - 1, self._tally.step)
            if pace is not None:
                pace(at_ns)
            if last_ns is not None and at_ns - last_ns > _SILENCE_NS:
                self._silence(self._simulation, last_ns, at_ns)
            last_ns = at_ns
            self._simulation.tell(at_ns, self._decoded(codec, frame, at_ns))
            self.frames += 1
            if progress is not None and self.frames % 256 == 0:
                progress(self.frames)
        if self._simulation is not None and last_ns is not None:
            self._simulation.run_until(last_ns)
        self._warn(codec)
        return self._report()

    def explain(self, market: MarketId) -> Iterator[Explanation]:
        """Return how each desk stands in a market at the end of the tape."""
        simulation = self._simulation
        for name, machine in simulation.machines.items() if simulation is not None else ():
            if isinstance(machine, CoordinatorMachine) and market in name.rpartition("/")[2]:
                assert simulation is not None
                for answer in machine.step(Explain(name.split("/")[1], market, "replay"), simulation.now_ns):
                    if isinstance(answer, Explained):
                        yield answer.explanation

    def _tapes(self) -> Iterator[TapeFrame]:
        return read_tapes(self._files, self._cut)

    def _cut(self, error: TapeError) -> None:
        warning = f"the last line of {error.path.name} is cut (line {error.line}) and was left out"
        if warning not in self.warnings:
            self.warnings.append(warning)

    def _decoded(self, codec: Codec, frame: TapeFrame, at_ns: int) -> Iterator[Message]:
        decode = codec.decode_rest if frame.rest else codec.decode
        for decoded in decode(frame.raw, at_ns):
            if isinstance(decoded, MalformedFrame):
                self._malformed[decoded.kind] += 1
                if decoded.market is not None:
                    yield FeedRestored(decoded.market, resynchronise=True)
            else:
                self._events += 1
                yield decoded

    def _silence(self, simulation: Simulation, last_ns: int, at_ns: int) -> None:
        """The whole tape said nothing for a minute: quotes go, and come back with the next frame."""
        names = [market.id for market in self._recorded.markets]
        simulation.tell(last_ns + _SILENCE_NS, [FeedLost(name, "tape silent for 60 s") for name in names])
        simulation.tell(at_ns, [FeedRestored(name, resynchronise=False) for name in names])

    def _warn(self, codec: Codec) -> None:
        if codec.counts.unknown_tokens:
            self.warnings.append(f"{codec.counts.unknown_tokens} frames name tokens of no known market")
        unproven = [market.slug for market in self._recorded.markets if market.condition_id is None]
        if unproven:
            self.warnings.append(
                f"book hashes are not checked: the condition id of {', '.join(unproven)} is unknown (give --markets FILE)"
            )

    def _report(self) -> dict[str, Any]:
        machines = self._simulation.machines if self._simulation is not None else {}
        books = [machine.counts for machine in machines.values() if isinstance(machine, BookMachine)]
        deciders = [machine for machine in machines.values() if isinstance(machine, CoordinatorMachine)]
        tally = self._tally
        total = {
            field: sum(getattr(counts, field) for counts in books)
            for field in (
                "book_hash_checked", "book_hash_ok", "rest_hash_checked", "rest_hash_ok", "change_hash_checked",
                "change_hash_ok", "hash_unproven", "gaps", "resyncs", "trades_printed", "trades_inferred", "unexplained",
                "tick_changes",
            )
        }  # fmt: skip
        return {
            "schema": "keel.replay/1",
            "files": [path.name for path in self._files],
            "markets": len(self._recorded.markets),
            "frames": self.frames,
            "events": self._events,
            "books": sum(counts.books for counts in books),
            "evaluations": sum(machine.evaluations for machine in deciders),
            "decisions": sum(machine.decisions for machine in deciders),
            "decisions_on_synthetic_proof": sum(machine.decisions_on_synthetic_proof for machine in deciders),
            "orders": tally.orders,
            "fills": tally.fills,
            "cancels_by_reason": dict(sorted(tally.cancels.items())),
            "denials_by_reason": dict(sorted(tally.denials.items())),
            **total,
            "malformed": dict(sorted(self._malformed.items())),
            "pnl": self._profit(),
            "assumed": {market.slug: list(market.assumed) for market in self._recorded.markets},
            "warnings": self.warnings,
            "final_books": self._final_books(),
            "trace_sha256": tally.digest.hexdigest(),
        }

    def _final_books(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for market in self._recorded.markets:
            book = self._tally.books.get(market.id)
            found[market.slug] = None if book is None else written_book(market, book)
        return found

    def _profit(self) -> dict[str, str]:
        """Positions left at the end are paid out where the result is known, else marked at the bid."""
        realized = unrealized = fees = rebates = 0
        for market in self._recorded.markets:
            for tag in self._desks:
                position = self._inventory(tag, market).position
                realized += position.realized
                fees += position.fees
                rebates += position.rebates
                worth = sum(self._worth(market, outcome, leg_of(position, outcome).shares) for outcome in (0, 1))
                unrealized += worth - position.yes.cost - position.no.cost if net_diff(position) or worth else 0
        total = realized + unrealized - fees + rebates
        amounts: dict[str, Money] = {
            "total": total, "realized": realized, "unrealized": unrealized, "fees": fees, "rebates": rebates,
        }  # fmt: skip
        return {name: format_money(amount) for name, amount in amounts.items()}

    def _inventory(self, tag: Tag, market: Market) -> InventoryMachine:
        assert self._simulation is not None
        return self._simulation.machine(inventory_name(tag, market.id), InventoryMachine)

    def _worth(self, market: Market, outcome: int, shares: int) -> Money:
        price: Price
        winner = self._recorded.winners.get(market.id)
        book = self._tally.books.get(market.id)
        if winner is not None:
            price = ONE if winner == outcome else 0
        elif book is None:
            price = 0
        else:
            price = book.bid if outcome == 0 else ONE - book.ask
        return price * shares // ONE


class _Tally:
    """The trace and the counts of a run, taken at every step. `books` holds the last word on each book."""

    def __init__(self, trace: BinaryIO | None) -> None:
        self.digest = sha256()
        self.books: dict[MarketId, BookUpdated] = {}
        self.orders = 0
        self.fills = 0
        self.cancels: Counter[str] = Counter()
        self.denials: Counter[str] = Counter()
        self._trace = trace

    def step(self, now_ns: int, actor: str, message: Message) -> None:
        line = encode_step(now_ns, actor, message)
        self.digest.update(line)
        if self._trace is not None:
            self._trace.write(line)
        if actor == VENUE:
            match message:
                case BookUpdated():
                    self.books[message.market] = message
                case SubmitOrder():
                    self.orders += 1
                case SubmitCancel():
                    self.cancels[message.reason] += 1
                case _:
                    pass
        elif isinstance(message, FillCounted) and actor.startswith("inventory/"):
            self.fills += 1
        elif isinstance(message, IntentDenied):
            self.denials[message.reason] += 1


def _timed(frames: Iterable[TapeFrame]) -> Iterator[tuple[int, TapeFrame]]:
    """Give each frame its virtual time, which never steps back."""
    now_ns = 0
    for frame in frames:
        now_ns = max(now_ns, frame.received_ns)
        yield now_ns, frame
