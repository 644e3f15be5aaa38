"""What can happen to a market that nobody would choose."""

from typing import TYPE_CHECKING, Any, Final

from sandbox.books import Side
from sandbox.faults.outside import book_of, take_away
from sandbox.faults.table import Arguments, Fault, FaultError, Switch
from sandbox.markets import Market
from sandbox.units import MILLISECOND, ONE, PRICE_TEXT, TICKS

if TYPE_CHECKING:
    from sandbox.faults.switchboard import Faults

_FLICKER_NS: Final = 50 * MILLISECOND
_PRINT_DELAY_NS: Final = 50 * MILLISECOND


def _tick_change(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    market = arguments.market()
    tick = arguments.price("tick", PRICE_TEXT[100 if market.tick == 10 else 10])
    if tick not in TICKS:
        raise FaultError(f"expected tick as one of {', '.join(PRICE_TEXT[one] for one in TICKS)}")
    faults.parts.venue.change_tick(market, tick, now_ns)
    return 1


def _sweep(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    market = arguments.market()
    book_of(market)
    side: Any = arguments.choice("side", ("BUY", "SELL"))
    size = arguments.shares("size", "1000")
    return faults.parts.venue.trade(market, arguments.outcome(market), side, size, _PRINT_DELAY_NS, now_ns)


def _resolve(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    market = arguments.market()
    if not arguments.has("outcome"):
        raise FaultError(f"outcome of {market.slug} is one of {', '.join(market.outcomes)}; found None")
    faults.parts.venue.resolve(market, arguments.outcome(market), now_ns)
    return 1


def _void(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    faults.parts.venue.resolve(arguments.market(), (ONE // 2, ONE // 2), now_ns)
    return 1


def _resolve_event(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    """The markets of an event end one after the other, all with NO but for the one that is named, which is last."""
    winner, gap_ns = arguments.market(), arguments.seconds_ns("gap", 5)
    parts = faults.parts
    losers = [market for market in winner.event.markets if market is not winner]

    def resolve_later(market: Market, payouts: int, due_ns: int) -> None:
        parts.schedule.at(due_ns, lambda at_ns: parts.venue.resolve(market, payouts, at_ns))

    for number, market in enumerate(losers):
        resolve_later(market, 1, now_ns + number * gap_ns)
    resolve_later(winner, 0, now_ns + len(losers) * gap_ns)
    return len(losers) + 1


def _gap(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    """Everything the outside offers goes, and, but for `vanish`, stands elsewhere in the same frame."""
    market, venue = arguments.market(), faults.parts.venue
    book_of(market)
    price, size = arguments.price("price", "0.95"), arguments.shares("size", "500")
    vanish = arguments.choice("how", ("gap", "vanish")) == "vanish"
    take_away(venue, market, "BUY", 0, now_ns, shown=vanish)
    take_away(venue, market, "SELL", ONE, now_ns, shown=vanish)
    if not vanish:
        quotes: tuple[tuple[Side, int], ...] = (("BUY", price - market.tick), ("SELL", price))
        for side, at in quotes:
            if market.tick <= at <= ONE - market.tick:
                venue.rest_outside(market, side, at, size, now_ns)
        venue.publish(market, now_ns)
    return 1


def _flicker(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    """A large quote at the touch that comes and goes every 50 ms."""
    market, parts = arguments.market(), faults.parts
    side: Side = "BUY" if arguments.choice("side", ("BUY", "SELL")) == "BUY" else "SELL"
    size = arguments.shares("size", "5000")
    book_of(market)
    switch = Switch(**arguments.ends(seconds=5))
    shown = 0

    def turn(due_ns: int) -> None:
        nonlocal shown
        if shown:
            parts.venue.withdraw_outside(market, side, shown, size, due_ns)
            shown = 0
        elif switch in faults.on and not market.closed:
            shown = book_of(market).ladder(side).best or 0
            if shown:
                parts.venue.rest_outside(market, side, shown, size, due_ns)
                faults.spend(switch, due_ns, price=shown)
        parts.venue.publish(market, due_ns)
        if shown or switch in faults.on:
            parts.schedule.at(due_ns + _FLICKER_NS, turn)

    faults.arm(switch)
    turn(now_ns)
    return 1


ROWS: Final = (
    Fault("tick_change", ("F32",), "move a market to another grid, or back", ("market", "tick"), "at once",
          _tick_change),
    Fault("sweep", ("F48",), "let one outside taker trade through the book, whoever rests there",
          ("market", "outcome", "side", "size"), "at once", _sweep),
    Fault("resolve", ("F57",), "end a market with an outcome", ("market", "outcome"), "at once", _resolve),
    Fault("void", ("F58",), "end a market in which each outcome pays half", ("market",), "at once", _void),
    Fault("resolve_event", ("F58",), "end the markets of an event one after the other, the named one with YES",
          ("market", "gap"), "at once", _resolve_event),
    Fault("gap", ("F63",), "let all liquidity jump to another price in one frame, or vanish",
          ("market", "price", "size", "how"), "at once", _gap),
    Fault("flicker", ("F64",), "show a large quote that comes and goes every 50 ms", ("market", "side", "size",
          "seconds", "count"), "seconds 5", _flicker),
)  # fmt: skip
