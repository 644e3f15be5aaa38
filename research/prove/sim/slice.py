"""Of a violation the smallest slice of events that shows it: first those that are about the same, then fewer and fewer.

Why by names first: a run has a hundred thousand events, and what is about other orders, markets and trades seldom
matters. What does matter beside them (a kill, a crash, a start) bears no name, and is always tried.

Why a slice is folded anew each time: a slice is one only if the same claim raises on it alone.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from research.prove.sim.claims_history import Logged, Settled
from research.prove.sim.contract import (
    Answered,
    Arrived,
    Committed,
    Crashed,
    Died,
    Disowned,
    Event,
    Faulted,
    Framed,
    Healed,
    Operated,
    Refused,
    Said,
    Started,
    Stepped,
    Violation,
    Written,
)

Breaks = Callable[[Sequence[Event]], Violation | None]
"""Folds some events; returns what they break."""

_UNNAMED: Final = (Started, Crashed, Died, Disowned, Operated, Refused, Healed, Settled, Faulted)
_NAMES: Final = re.compile(r"0x[0-9a-f]{8,64}|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]{60,80}")
_FOLDED: Final = 600_000
"""Events that are folded in search of a smaller slice: some seconds."""
_SHOWN: Final = 60
_LAST: Final = 2_000
"""Events before the violation that are looked at where nothing else breaks it."""


def sliced(events: Sequence[Event], violation: Violation, breaks: Breaks) -> tuple[Event, ...]:
    """Return the fewest events found that break the same invariant; the last ones where fewer do not."""

    def same(some: Sequence[Event]) -> bool:
        found = breaks(some)
        return found is not None and found.invariant == violation.invariant and _alike(found.text, violation.text)

    connected = _connected(events, violation)
    for some in (connected, events[-_LAST:], events):
        if same(some):
            return tuple(_reduced(list(some), same))
    return tuple(connected[-_SHOWN:])


def lines_of(events: Iterable[Event]) -> Iterator[str]:
    """Write events for people: step, virtual time, who, what."""
    events = tuple(events)
    began_ns = next((event.at_ns for event in events if event.at_ns), 0)
    for event in events[-_SHOWN:]:
        yield f"{event.step:>7} {(event.at_ns - began_ns) / 1e9:>9.3f} s  {_text(event)}"


def _connected(events: Sequence[Event], violation: Violation) -> list[Event]:
    """Return the events that name what the violation names, or what these name; and those that name nothing."""
    wanted = set(_NAMES.findall(violation.text))
    last = events[-1] if events else None
    if last is not None:
        wanted |= _names(last)
    named = [(event, _names(event)) for event in events]
    for _ in range(2):
        near = {name for _, names in named if len(names) < 12 and _touches(names, wanted) for name in names}
        wanted |= {name for name in near if len(name) != 66 or len(wanted) < 40}
    return [event for event, names in named if isinstance(event, _UNNAMED) or _touches(names, wanted) or event is last]


def _touches(names: set[str], wanted: set[str]) -> bool:
    return any(name == one or name.startswith(one) for name in names for one in wanted)


def _reduced(events: list[Event], same: Callable[[Sequence[Event]], bool]) -> list[Event]:
    """Drop ever smaller parts, as long as the rest breaks it still."""
    parts, folded = 2, 0
    while len(events) > 1 and folded < _FOLDED:
        size = -(-len(events) // parts)
        dropped = False
        for begin in range(0, len(events), size):
            rest = events[:begin] + events[begin + size :]
            folded += len(rest)
            if rest and same(rest):
                events, dropped = rest, True
                break
        if dropped:
            parts = max(parts - 1, 2)
        elif size == 1:
            break
        else:
            parts = min(parts * 2, len(events))
    return events


def _alike(one: str, other: str) -> bool:
    """Whether two findings are about the same, whatever their numbers."""
    return set(_NAMES.findall(one)) == set(_NAMES.findall(other)) and re.sub(r"\d+", "", one) == re.sub(
        r"\d+", "", other
    )


def _names(event: Event) -> set[str]:
    return set(_NAMES.findall(_raw(event)))


def _raw(event: Event) -> str:
    match event:
        case Said() | Stepped():
            return repr(event.message)
        case Committed():
            return repr(event.messages)
        case Logged():
            return msgspec.json.encode(event.line).decode()
        case Written() | Answered():
            return f"{getattr(event, 'path', '')} {event.body.decode(errors='replace')}"
        case Framed():
            return event.text if isinstance(event.text, str) else event.text.decode(errors="replace")
        case _:
            return ""


def _text(event: Event) -> str:
    match event:
        case Said():
            return f"-> {_short(event.to)}: {_said(event.message)}"
        case Stepped():
            return f"{_short(event.actor)} takes {_said(event.message)}"
        case Committed():
            return f"on the disk: {'; '.join(_said(message) for message in event.messages)[:160]}"
        case Logged():
            facts = {name: fact for name, fact in event.line.items() if name not in ("n", "at_ns", "kind")}
            return f"exchange: {event.line['kind']} {_short(str(facts))[:160]}"
        case Written():
            body = f" {_short(event.body.decode(errors='replace'))[:120]}"
            return f"{event.lane} writes {event.method} {_short(event.path)}{body}"
        case Arrived():
            return f"request {event.call} arrives"
        case Answered():
            return f"answer {event.status or event.text} to request {event.call}"
        case Framed():
            return f"{event.channel} stream: {_short(_raw(event))[:140]}"
        case Operated():
            return f"a person: {event.act} {_short(event.market or '')}{' (done)' if event.done else ''}"
        case Faulted():
            return f"fault {event.fault} {event.what}"
        case Settled():
            return "the end"
        case _:
            return f"{type(event).__name__.lower()} {_facts(event)}"


def _facts(event: Event) -> str:
    return " ".join(str(getattr(event, name)) for name in event.__struct_fields__ if name not in ("step", "at_ns"))


def _said(message: Any) -> str:
    return _short(repr(message))[:200]


def _short(text: str) -> str:
    return _NAMES.sub(lambda found: found[0][:10] + "..", text)
