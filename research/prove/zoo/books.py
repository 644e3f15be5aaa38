"""Bugs in what is known of a market when a price is made."""

from typing import Any, Final

from msgspec.structs import replace

from models.messages.market import TickSizeChanged
from research.prove.zoo.bug import Bug, bug, instead


def _only_finer(original: Any) -> Any:
    def change_tick(self: Any, change: Any, now_ns: int) -> None:
        original(self, replace(change, tick=min(change.tick, self.tick)), now_ns)

    return change_tick


def _fits_only_finer(original: Any) -> Any:
    def fit_tick(self: Any, prices: set[int], named: int | None) -> None:
        original(self, prices, named if named is None else min(named, self.tick))

    return fit_tick


def _signs_only_finer(original: Any) -> Any:
    def noticing(self: Any, route: Any) -> Any:
        notice = original(self, route)

        def finer(message: Any) -> Any:
            coarser = isinstance(message, TickSizeChanged) and message.tick > self.known_markets()[message.market].tick
            return route(message) if coarser else notice(message)

        return finer

    return noticing


def _for_hours(_: Any) -> Any:
    return lambda self: self._event_ns + 10**13


def _unbroken(_: Any) -> Any:
    return lambda self, reason, now_ns: False


def _without_end(_: Any) -> Any:
    return lambda self, member, message, now_ns: True


BOOKS: Final[tuple[Bug, ...]] = (
    bug(
        "tick_cached", "the finest tick that a market ever had holds for ever",
        ("models.book:BookMachine._change_tick", _only_finer), ("models.book:BookMachine._fit_tick", _fits_only_finer),
        ("actors.live:Live.noticing", _signs_only_finer),
    ),
    bug(
        "stale_is_fresh", "a book of which nothing was heard for long is quoted on",
        ("models.book:BookMachine._fresh_until_ns", _for_hours),
        ("models.controls.market_guard:MarketGuard._age_refusal", instead(None)),
    ),
    bug(
        "resolved_still_quoted", "a market that has paid out is quoted on",
        ("models.halts:Halts._resolved", instead(())), ("models.accounts:Accounts.is_resolved", instead(False)),
        ("models.coordinator:CoordinatorMachine._resolved", _without_end),
    ),
    bug(
        "gap_ignored", "a book whose frames were missed is quoted on",
        ("models.book:BookMachine._open_gap", instead(None)), ("models.book_token:TokenBook.open_gap", _unbroken),
    ),
)  # fmt: skip
