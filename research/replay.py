"""Recorded market data through the production actors, as fast as possible or paced, reproducibly.

The tape's own time drives the virtual clock: now = max(now, timestamp). In one instant the market speaks before our
timers do, so an order that arrives with a frame is judged against that frame.

Why a silence of the whole tape is a lost connection and a quiet market is not: a market may be quiet for a minute, but
nobody can trade on what was missed while the recorder was off. A recording has no REST to ask; in its place a quiet
market gets a synthetic proof of life every 10 s, and the report says how many decisions rested on one.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from actors.assembly import Plan
from actors.runtime.trace import Trace
from actors.topology import EXECUTOR, RISK, VENUE, inventory_name
from actors.venues.polymarket.codec import Codec, MalformedFrame
from models.book import BookMachine
from models.cells import TradingState
from models.chronicle import cancel_code
from models.coordinator import CoordinatorMachine
from models.engine import EngineParameters
from models.inventory import InventoryMachine
from models.markets import YES, Catalogue, Market
from models.messages.base import MarketId, Message, Tag
from models.messages.control import Explain, TradingStateChanged
from models.messages.decisions import Explained, Explanation
from models.messages.market import BookUpdated, BookVerified, FeedLost, FeedRestored
from models.messages.orders import FillCounted, IntentDenied, OrderChanged, SubmitOrder
from models.messages.position import Position
from models.orders import OrderState
from models.units import ONE, Money, cash_of, format_money
from models.words import rfc3339
from models.written_book import written_book
from research.recorded_markets import recorded_markets
from research.simulation import Simulation
from research.tape import TapeError, TapeFrame, read_tapes

_SILENCE_NS = 60_000_000_000
_PROOF_NS = 10_000_000_000
_BOOK_COUNTS = (
    "book_hash_checked", "book_hash_ok", "rest_hash_checked", "rest_hash_ok", "change_hash_checked", "change_hash_ok",
    "hash_unproven", "gaps", "resyncs", "trades_printed", "trades_inferred", "unexplained", "tick_changes",
)  # fmt: skip

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
        self._cut_lines = 0
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
        proofs = _Proofs()
        last_ns: int | None = None
        for at_ns, frame in _timed(self._tapes()):
            if self._simulation is None:
                self._simulation = Simulation(self._plan, at_ns - 1, self._tally.step)
            if pace is not None:
                pace(at_ns)
            lost_ns = None if last_ns is None or at_ns - last_ns <= _SILENCE_NS else last_ns + _SILENCE_NS
            for due_ns, proof in proofs.until(lost_ns or at_ns):
                self._simulation.tell(due_ns, (proof,))
            if lost_ns is not None:
                self._silence(self._simulation, lost_ns, at_ns)
                proofs.begin_again()
            messages = self._decoded(codec, frame, at_ns)
            proofs.heard(messages, at_ns)
            self._simulation.tell(at_ns, messages)
            last_ns = at_ns
            self.frames += 1
            self._tally.frames_missed += self._tally.killed is not None
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
        """Both readings come upon it; it is told once."""
        warning = f"{error.path.name} is cut at line {error.line}, as a crash leaves it: nothing after that is played"
        if warning not in self.warnings:
            self.warnings.append(warning)
            self._cut_lines += 1

    def _decoded(self, codec: Codec, frame: TapeFrame, at_ns: int) -> list[Message]:
        decode = codec.decode_rest if frame.rest else codec.decode
        messages: list[Message] = []
        for decoded in decode(frame.raw, at_ns):
            if isinstance(decoded, MalformedFrame):
                self._malformed[decoded.kind] += 1
                if decoded.market is not None:
                    messages.append(FeedRestored(decoded.market, resynchronise=True))
            else:
                self._events += 1
                messages.append(decoded)
        return messages

    def _silence(self, simulation: Simulation, lost_ns: int, at_ns: int) -> None:
        """The whole tape said nothing for a minute: quotes go, and come back with the next frame."""
        names = [market.id for market in self._recorded.markets]
        simulation.tell(lost_ns, [FeedLost(name, "tape silent for 60 s") for name in names])
        simulation.tell(at_ns, [FeedRestored(name, resynchronise=False) for name in names])

    def _warn(self, codec: Codec) -> None:
        if codec.counts.unknown_tokens:
            self.warnings.append(f"{codec.counts.unknown_tokens} frames name tokens of no known market")
        unproven = ", ".join(market.slug for market in self._recorded.markets if market.condition_id is None)
        if unproven:
            self.warnings.append(
                f"book hashes are not checked: the condition id of {unproven} is unknown (give --markets FILE)"
            )
        machines = self._simulation.machines.values() if self._simulation is not None else ()
        if not any(isinstance(machine, CoordinatorMachine) for machine in machines):
            self.warnings.append(f"{', '.join(self._desks.values())} decides on none of these markets")

    def _report(self) -> dict[str, Any]:
        machines = self._simulation.machines if self._simulation is not None else {}
        books = [machine.counts for machine in machines.values() if isinstance(machine, BookMachine)]
        deciders = [machine for machine in machines.values() if isinstance(machine, CoordinatorMachine)]
        tally = self._tally
        total = {field: sum(getattr(counts, field) for counts in books) for field in _BOOK_COUNTS}
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
            "killed": self._killed(),
            **total,
            "cut_lines": self._cut_lines,
            "malformed": dict(sorted(self._malformed.items())),
            "pnl": self._profit(),
            "assumed": {market.slug: list(market.assumed) for market in self._recorded.markets},
            "warnings": self.warnings,
            "final_books": self._final_books(),
            "trace_sha256": tally.trace.sha256,
        }

    def _killed(self) -> dict[str, Any] | None:
        """Say when and why the run was killed, and how much of the tape was played without it; None if it was not."""
        tally, simulation = self._tally, self._simulation
        if tally.killed is None or simulation is None:
            return None
        at_ns, reason = tally.killed
        missed_s = (simulation.now_ns - at_ns) // 1_000_000_000
        return {
            "at": rfc3339(at_ns),
            "reason": reason,
            "frames_missed": tally.frames_missed,
            "seconds_missed": missed_s,
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
                position = self._position(tag, market)
                if position is None:
                    continue
                realized += position.realized
                fees += position.fees
                rebates += position.rebates
                unrealized += self._worth(market, position) - position.yes.cost - position.no.cost
        total = realized + unrealized - fees + rebates
        amounts: dict[str, Money] = {
            "total": total, "realized": realized, "unrealized": unrealized, "fees": fees, "rebates": rebates,
        }  # fmt: skip
        return {name: format_money(amount) for name, amount in amounts.items()}

    def _position(self, tag: Tag, market: Market) -> Position | None:
        """Return what a desk holds in a market, None where its strategy does not decide on it."""
        machines = self._simulation.machines if self._simulation is not None else {}
        machine = machines.get(inventory_name(tag, market.id))
        return machine.position if isinstance(machine, InventoryMachine) else None

    def _worth(self, market: Market, position: Position) -> Money:
        """Return what the result pays; without one, a dollar for each pair and the bid for what is unpaired."""
        yes, no = position.yes.shares, position.no.shares
        winner = self._recorded.winners.get(market.id)
        if winner is not None:
            return yes if winner == YES else no
        book = self._tally.books.get(market.id)
        if book is None:
            return min(yes, no)
        bid = book.bid if yes > no else ONE - book.ask
        return min(yes, no) + cash_of(bid, abs(yes - no))


class _Proofs:
    """Says after each 10 s in which nothing was heard of a market that its book still holds."""

    def __init__(self) -> None:
        self._heard_ns: dict[MarketId, int] = {}
        self._due: list[tuple[int, MarketId]] = []
        """A heap with one entry for each market; one that was heard of since is put back."""

    def heard(self, messages: Iterable[Message], at_ns: int) -> None:
        """Take in of which markets a frame spoke."""
        for message in messages:
            market: MarketId | None = getattr(message, "market", None)
            if market is None:
                continue
            if market not in self._heard_ns:
                heappush(self._due, (at_ns + _PROOF_NS, market))
            self._heard_ns[market] = at_ns

    def until(self, at_ns: int) -> Iterator[tuple[int, BookVerified]]:
        """Yield the proofs that are due before a time, in order."""
        while self._due and self._due[0][0] < at_ns:
            due_ns, market = heappop(self._due)
            silent_ns = self._heard_ns[market] + _PROOF_NS
            if silent_ns > due_ns:
                heappush(self._due, (silent_ns, market))
                continue
            self._heard_ns[market] = due_ns
            heappush(self._due, (due_ns + _PROOF_NS, market))
            yield due_ns, BookVerified(market, due_ns, synthetic=True)

    def begin_again(self) -> None:
        """Prove nothing of a market before it is heard of again."""
        self._heard_ns.clear()
        self._due.clear()


class _Tally:
    """The trace and the counts of a run, taken at every step. `books` holds the last word on each book.

    `killed` is when and why the run was: nobody is there who could lift it.
    """

    def __init__(self, trace: BinaryIO | None) -> None:
        self.trace = Trace(trace)
        self.books: dict[MarketId, BookUpdated] = {}
        self.orders = 0
        self.fills = 0
        self.cancels: Counter[str] = Counter()
        self.denials: Counter[str] = Counter()
        self.killed: tuple[int, str] | None = None
        self.frames_missed = 0

    def step(self, now_ns: int, actor: str, message: Message) -> None:
        """Take in a step before it is made. What several actors hear is counted where one of them hears it."""
        self.trace(now_ns, actor, message)
        if actor == VENUE:
            if isinstance(message, BookUpdated):
                self.books[message.market] = message
            elif isinstance(message, SubmitOrder):
                self.orders += 1
        elif actor == RISK:
            if isinstance(message, FillCounted):
                self.fills += 1
            elif isinstance(message, OrderChanged) and message.state is OrderState.CANCELLED:
                self.cancels[cancel_code(message.reason)] += 1
        elif actor == EXECUTOR:
            if isinstance(message, TradingStateChanged) and message.state is TradingState.KILLED and not self.killed:
                self.killed = message.at_ns, message.cells[0].reason
        elif isinstance(message, IntentDenied):
            self.denials[message.reason] += 1


def _timed(frames: Iterable[TapeFrame]) -> Iterator[tuple[int, TapeFrame]]:
    """Give each frame its virtual time, which never steps back."""
    now_ns = 0
    for frame in frames:
        now_ns = max(now_ns, frame.received_ns)
        yield now_ns, frame
