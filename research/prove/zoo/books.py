"""Bugs in what is known of a market when a price is made."""

from typing import Any, Final

from research.prove.zoo.bug import Bug, bug, instead, nothing_of


def _never(_: Any) -> Any:
    return lambda self, now_ns: False


def _the_first_tick(_: Any) -> Any:
    return lambda self, change, now_ns: setattr(self, "_event_ns", change.received_ns)


def _no_other_tick(_: Any) -> Any:
    return lambda self, *_: None


BOOKS: Final[tuple[Bug, ...]] = (
    bug(
        "tick_cached", "the tick that a market began with holds for ever",
        ("models.book:BookMachine._change_tick", _the_first_tick),
        ("models.book:BookMachine._fit_tick", _no_other_tick), ("models.book:BookMachine._find_tick", _no_other_tick),
        ("actors.live:Live.noticing", lambda _: lambda self, route: route),
    ),
    bug(
        "stale_is_fresh", "a book of which nothing was heard for long is quoted on",
        ("models.book:BookMachine._silent", _never),
        ("models.controls.market_guard:MarketGuard._age_refusal", instead(None)),
    ),
    bug(
        "gap_ignored", "a book whose frames were missed is quoted on",
        ("models.book:BookMachine._open_gap", instead(None)),
        ("models.book_token:TokenBook.open_gap", lambda _: lambda self, reason, now_ns: False),
    ),
    bug(
        "resolved_still_quoted", "a market that has paid out is quoted on",
        ("models.halts:Halts._resolved", instead(())), ("models.accounts:Accounts.is_resolved", instead(False)),
        ("models.gates:closed_by", instead(None)),
        ("models.coordinator:CoordinatorMachine._resolved", lambda _: lambda self, member, message, now_ns: True),
        ("models.controls.market_guard:MarketGuard._depth_refusal", instead(None)),
        ("models.controls.market_guard:MarketGuard.refusal", instead(None)),
    ),
    bug(
        "restart_keeps_epoch", "a book that takes a dead one's place says nothing of it",
        ("models.book:BookMachine.step", nothing_of("BookEpochChanged")),
    ),
)  # fmt: skip
