"""What an event of several markets can cost: by which of its markets resolves YES.

Why not the sum of the markets' worst cases: of a neg-risk event one market alone pays its YES, so a NO in each of them
can lose one of its stakes and no more; and a YES in one is covered by the NO of another.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from models.markets import Group, Market
from models.messages.base import MarketId
from models.stakes import Losses
from models.units import Money


class Event(NamedTuple):
    """Markets whose results hang together. `exclusive`: one resolves YES at most, `exhaustive`: and one does."""

    name: str
    markets: tuple[MarketId, ...]
    exclusive: bool
    exhaustive: bool


def events_of(markets: Mapping[MarketId, Market], groups: Mapping[str, Group]) -> dict[MarketId, Event]:
    """Return the event of each market that has others beside it; of unknown kind where no group tells of it."""
    members: dict[str, list[Market]] = {}
    for market in markets.values():
        if market.group is not None:
            members.setdefault(market.group, []).append(market)
    found: dict[MarketId, Event] = {}
    for name, listed in members.items():
        if len(listed) > 1:
            group = groups.get(name)
            exhaustive = group is not None and group.exhaustive
            exclusive = exhaustive or all(market.neg_risk for market in listed)
            event = Event(name, tuple(market.id for market in listed), exclusive, exhaustive)
            found |= dict.fromkeys(event.markets, event)
    return found


def event_worst_case(event: Event, losses: Sequence[Losses]) -> Money:
    """Return what the worst outcome of an event costs, from the losses of its markets; never negative.

    One market resolves YES and the others NO; or, where that is not ruled out, all resolve NO; or all are void. Where
    more than one may resolve YES, each market's own worst outcome is taken.
    """
    if not event.exclusive:
        return max(0, sum(map(max, losses)))
    none = sum(no for _, no, _ in losses)
    outcomes = [none + max(yes - no for yes, no, _ in losses), sum(void for _, _, void in losses)]
    return max(0, *outcomes, *(() if event.exhaustive else (none,)))
