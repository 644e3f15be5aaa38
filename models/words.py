"""The words and figures that every surface and report uses for the same thing.

Why one place: a state, a price or a reason that two screens write differently is two things to the reader. Only these
words name states, and KILLED is said of the latch alone.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from models.cells import TradingState
from models.flattening import is_flattened
from models.markets import Outcome, Side
from models.messages.control import CellNote
from models.messages.decisions import Explanation, Gate, NakedLeg, QuoteNote, RefusalNote
from models.units import ONE, SHARE, Money, Price, Size

_WIDTH: Final = 150
_SECOND_NS: Final = 1_000_000_000

_WORDS: Final[Mapping[tuple[TradingState, str], str]] = MappingProxyType(
    {
        (TradingState.HALTED, "switch"): "OFF",
        (TradingState.HALTED, "operator"): "FLAT",
        (TradingState.HALTED, "runtime"): "QUARANTINED",
        (TradingState.CANCEL_ONLY, "recovery"): "RECOVERING",
        (TradingState.CANCEL_ONLY, "operator"): "PAUSED",
        (TradingState.CANCEL_ONLY, "flow"): "FUSED",
        (TradingState.REDUCING, "operator"): "REDUCING",
        (TradingState.REDUCING, "inventory"): "HEDGE",
    }
)
"""What a cell is called by its state and source, the first that applies; any other is called by its state.

What is still to be found out comes before a person's word, and that before the engine's.
"""


def state_word(state: TradingState, cells: Sequence[CellNote], phase: str) -> str:
    """Return the one word for a market: what its strictest cells make of it, or its phase where nothing holds it."""
    if state is TradingState.ACTIVE:
        return phase.upper()
    if state is TradingState.REDUCING and is_flattened(cells):
        return "FLATTENING"
    sources = {cell.source for cell in cells if cell.state is state}
    return next((word for (held, source), word in _WORDS.items() if held is state and source in sources), state.name)


def is_on(cells: Sequence[CellNote]) -> bool:
    """Whether no operator switched the market off."""
    return all(cell.source != "switch" for cell in cells)


def price_text(price: Price) -> str:
    """Write a price with three decimals, or four where its grid needs them: `0.480`, `0.4825`; an edge has a sign."""
    sign, dollars = ("-", -price) if price < 0 else ("", price)
    return f"{sign}{dollars // ONE}.{dollars % ONE // 10:03d}{dollars % 10 or ''}"


def shares_text(size: Size) -> str:
    """Write shares as short as they are, at most two decimals: `5`, `12.5`, `0.33`."""
    return _decimal(size, 2).rstrip("0").rstrip(".")


def money_text(money: Money) -> str:
    """Write dollars and cents, with a sign only where negative: `-0.80`."""
    return _decimal(money, 2)


def signed_text(money: Money) -> str:
    """Write dollars and cents that were won or lost: `+9.30`, `-0.80`, `0.00`."""
    text = _decimal(money, 2)
    return f"+{text}" if money > 0 and text != "0.00" else text


def age_text(age_ns: int) -> str:
    """Write how long ago something was: `0.2 s`, `41 min`, `2h13m`, `3d04h`."""
    seconds = max(0, age_ns) // _SECOND_NS
    if seconds < 60:
        return f"{max(0, age_ns) // 100_000_000 / 10:.1f} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours}h{minutes % 60:02d}m" if hours < 48 else f"{hours // 24}d{hours % 24:02d}h"


def clock_text(at_ns: int) -> str:
    """Write the UTC time of day to the millisecond: `14:03:22.120`."""
    return f"{_utc(at_ns):%H:%M:%S}.{at_ns // 1_000_000 % 1_000:03d}"


def rfc3339(at_ns: int) -> str:
    """Write a time as RFC 3339 in UTC to the microsecond: `2026-11-21T14:03:22.120000Z`."""
    return f"{_utc(at_ns):%Y-%m-%dT%H:%M:%S}.{at_ns // 1_000 % 1_000_000:06d}Z"


def outcome_text(outcome: Outcome) -> str:
    """Return YES or NO."""
    return "NO" if outcome else "YES"


def explanation_text(explanation: Explanation, computed: Callable[[str], str] = lambda _: "") -> str:
    """Write down how a market stands: naked leg, gates, quotes, what finishing costs, the cells, refusals.

    `computed` says how the number of a risk control comes about, empty for any other word.
    """
    lines = [_headline(explanation), *_wrapped([gate_text(gate) for gate in explanation.gates])]
    lines += [f"  {quote_text(quote, explanation.naked)}" for quote in explanation.quotes]
    if explanation.naked is not None:
        lines.append(f"  {_finish_text(explanation.naked)}")
    lines += [f"  held: {cell_text(cell)}{_how(computed(cell.source))}" for cell in explanation.cells]
    lines += [f"  {note}" for note in explanation.notes]
    lines += [f"  {refusal_text(refusal)}{_how(computed(refusal.control))}" for refusal in explanation.refusals]
    return "\n".join(lines)


def gate_text(gate: Gate) -> str:
    """Write one gate: whether it let pass, what it would stop, its value against its threshold."""
    said = _GATES.get(gate.name, _any_gate)(gate)
    if gate.passed:
        return f"[ok] {said}"
    return f"[STOP] {_STOPS.get(gate.blocks, '')}{said}"


def quote_text(quote: QuoteNote, naked: NakedLeg | None = None) -> str:
    """Write one quote: what it is for, its price and how that came about, and where it stands against the touch."""
    token = outcome_text(quote.outcome)
    said = f"{quote.reason} {token} {'bid' if quote.side is Side.BUY else 'ask'} {price_text(quote.price)}"
    if quote.state != "working":
        said += f" ({quote.state})"
    if quote.formula:
        said += f" = {quote.formula}"
    touch = f" {price_text(quote.touch)}" if quote.touch is not None else ""
    ticks = quote.ticks_from_touch
    if ticks >= 0:
        stands = f"improves {_ticks(ticks)}" if ticks else f"joins the {token} touch{touch}"
        return f"{said}: {stands}, {shares_text(quote.ahead)} shares ahead"
    said += f": {_ticks(-ticks)} behind the {token} touch{touch}, "
    if naked is not None and quote.outcome != naked.outcome and quote.side is Side.BUY:
        return f"{said}fills only if {outcome_text(naked.outcome)} returns to {price_text(ONE - quote.price)}"
    return f"{said}{shares_text(quote.ahead)} shares ahead"


def refusal_text(refusal: RefusalNote) -> str:
    """Write where a wish was refused, by which control, and its number against its limit."""
    by = f" by {refusal.control}" if refusal.control else ""
    said = f": {refusal.detail}" if refusal.detail else ""
    return f"{outcome_text(refusal.outcome)} {refusal.side.value.lower()} refused{by}{said}"


def cell_text(cell: CellNote) -> str:
    """Write one raised cell of a market: what it allows, who raised it on what, why, since when."""
    scope = "this market" if cell.scope.startswith("market ") else cell.scope
    return f"{cell.state.name} on {scope} by {cell.source} since {clock_text(cell.since_ns)}: {cell.reason}"


def _how(computed: str) -> str:
    return f"   [{computed}]" if computed else ""


def _headline(explanation: Explanation) -> str:
    word = state_word(explanation.state, explanation.cells, explanation.phase)
    said = f"{explanation.slug}  {word}  {clock_text(explanation.at_ns)}  {_quoting(explanation)}"
    return said if explanation.naked is None else f"{said}    {_naked_text(explanation.naked)}"


def _quoting(explanation: Explanation) -> str:
    quoted = {outcome_text(quote.outcome) for quote in explanation.quotes}
    if not quoted:
        return f"not quoting: {explanation.reason}"
    return "quoting YES and NO" if len(quoted) == 2 else f"quoting {quoted.pop()} only"


def _naked_text(naked: NakedLeg) -> str:
    said = f"naked {shares_text(naked.shares)} {outcome_text(naked.outcome)} @ {price_text(naked.average)}"
    said += f" since {age_text(naked.age_ms * 1_000_000)}"
    if naked.mid is not None and naked.unrealized is not None:
        said += f", mid {price_text(naked.mid)}: {signed_text(naked.unrealized)}"
    return f"{said}, worst {money_text(naked.worst_case)}"


def _finish_text(naked: NakedLeg) -> str:
    ways: list[str] = []
    if naked.finish_maker_price is not None and naked.finish_maker_profit is not None:
        leg = price_text(naked.finish_maker_price - naked.average)
        ways.append(_finish("maker", leg, naked.finish_maker_price, naked.finish_maker_profit))
    if naked.finish_taker_price is not None and naked.finish_taker_profit is not None:
        ask = naked.missing_ask
        leg = f"{price_text(ask)} + fee" if ask is not None else price_text(naked.finish_taker_price - naked.average)
        ways.append(_finish("taker", leg, naked.finish_taker_price, naked.finish_taker_profit))
    return f"finish now: {'; '.join(ways) or 'nobody offers the missing side'}   policy: {naked.policy}"


def _finish(how: str, leg: str, pair: Price, profit: Money) -> str:
    """What completing the pair costs: the missing leg's price, the whole pair's with the fee in it, the result."""
    return f"{how} {leg}, pair {_decimal(pair * 100, 3)} ({signed_text(profit)})"


_STOPS: Final[Mapping[str, str]] = MappingProxyType({"open": "opening: ", "yes": "YES: ", "no": "NO: "})


def _any_gate(gate: Gate) -> str:
    name = _NAMES.get(gate.name, gate.name)
    if gate.value is None:
        return f"{name}: {gate.note}" if gate.note else name
    note = f" ({gate.note})" if gate.note else ""
    value = _figure(gate.value, gate.unit)
    if gate.threshold is None:
        return f"{name} {value}{note}"
    threshold = _figure(gate.threshold, gate.unit)
    if gate.passed:
        return f"{name} {value} (limit {threshold})"
    return f"{name} {value} {_relation(gate.value, gate.threshold)} {threshold}{note}"


def _book_gate(gate: Gate) -> str:
    age = "" if gate.value is None else f" {age_text(gate.value * 1_000_000)}"
    return f"book{age}, {gate.note or 'YES/NO mirror exact'}"


def _flow_gate(gate: Gate) -> str:
    if gate.value is None or gate.threshold is None:
        return _any_gate(gate)
    limit = shares_text(gate.threshold)
    if gate.passed:
        return f"OFI {gate.note} (limit {limit})"
    return f"OFI {gate.note}: toxic, {shares_text(abs(gate.value))} against {limit}"


def _state_gate(gate: Gate) -> str:
    return f"state {gate.note}"


def _open_gate(gate: Gate) -> str:
    if not gate.passed or gate.value is None:
        return "market has ended" if not gate.passed else "market open"
    return f"market open, {age_text(gate.value * 1_000_000)} to its end"


_GATES: Final[Mapping[str, Callable[[Gate], str]]] = MappingProxyType(
    {"book": _book_gate, "flow": _flow_gate, "trading_state": _state_gate, "market_open": _open_gate}
)
_NAMES: Final[Mapping[str, str]] = MappingProxyType({"net_diff": "|net_diff|", "size_at_least_minimum": "size"})


def _relation(value: int, threshold: int) -> str:
    return ">=" if value >= threshold else "<"


def _figure(value: int, unit: str) -> str:
    match unit:
        case "price":
            return price_text(value)
        case "size":
            # One decimal at least: a net position is seldom whole, and 5.0 >= 5.0 must not hide a half share.
            return _decimal(value, 1) if value % SHARE == 0 else shares_text(value)
        case "money":
            return money_text(value)
        case "ms":
            return age_text(value * 1_000_000)
        case _:
            return str(value)


def _ticks(count: int) -> str:
    return f"{count} tick" if count == 1 else f"{count} ticks"


def _wrapped(parts: list[str]) -> list[str]:
    """Set the gates side by side, as many as a wide terminal holds."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 3 + len(part) <= _WIDTH:
            lines[-1] += f"   {part}"
        else:
            lines.append(f"  {part}")
    return lines


def _decimal(millionths: int, places: int) -> str:
    """Round half away from zero to so many decimals."""
    step = 10 ** (6 - places)
    units = (abs(millionths) + step // 2) // step
    sign = "-" if millionths < 0 and units else ""
    whole, fraction = divmod(units, 10**places)
    return f"{sign}{whole}.{fraction:0{places}d}"


def _utc(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns // _SECOND_NS, UTC)
