"""What a switch is: its row in the table, how what it takes is read, and when it ends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sandbox.markets import Market
from sandbox.trading.records import Account, Order, Wallet
from sandbox.units import SECOND, parse_price, parse_size

if TYPE_CHECKING:
    from sandbox.faults.switchboard import Faults, Parts

ENDS: Final = ("count", "seconds", "probability")
"""What every switch takes that stays on for a while."""
_LARGEST: Final = 10**9


class FaultError(Exception):
    """A switch that does not exist or cannot be thrown so; says what would be right."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table.

    `ids` are its numbers in the fault catalogue, none where that does not know it; `takes` what may be said besides its
    name, and `ends` when it is over by itself: `at once`, or after so many times or seconds unless the thrower says
    otherwise, or only when cleared.
    """

    name: str
    ids: tuple[str, ...]
    says: str
    takes: tuple[str, ...]
    ends: str
    throw: Callable[["Faults", "Arguments", int], int]
    """Does it and says how many requests, frames, sockets or orders it concerns."""


@dataclass(slots=True, eq=False, kw_only=True)
class Switch:
    """A switch that is on: for `left` more effects, until a time, or until it is cleared."""

    fault: Fault | None = None
    """Its row; what the generated world does by itself has none."""
    left: int | None = None
    until_ns: int | None = None
    chance: float = 1.0
    undo: Callable[[int], None] | None = None
    """Puts right what it did, when it ends."""

    def describe(self) -> dict[str, Any]:
        """What the list of switches shows."""
        name = self.fault.name if self.fault else ""
        return {"fault": name, "left": self.left, "until_ns": self.until_ns, "probability": self.chance}


class Arguments:
    """What a control request says; every reader raises FaultError, saying what was expected and what was found."""

    def __init__(self, fault: Fault, body: Mapping[str, Any], parts: "Parts", now_ns: int) -> None:
        self.fault = fault
        self._body = body
        self._parts = parts
        self._now_ns = now_ns

    def has(self, name: str) -> bool:
        """Whether it is said at all."""
        return name in self._body

    def whole(self, name: str, default: int, low: int = 1, high: int = _LARGEST) -> int:
        """A whole number."""
        value = self._body.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise FaultError(f"expected {name} as a whole number from {low} to {high}; found {value!r}")
        return value

    def seconds_ns(self, name: str, default: float) -> int:
        """A time span, in nanoseconds."""
        value = self._body.get(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
            raise FaultError(f"expected {name} as a number from 0 to {_LARGEST}; found {value!r}")
        return round(value * SECOND)

    def flag(self, name: str) -> bool:
        """True or false, false when it is not said."""
        value = self._body.get(name, False)
        if not isinstance(value, bool):
            raise FaultError(f"expected {name} as true or false; found {value!r}")
        return value

    def text(self, name: str, default: str) -> str:
        """Any text."""
        value = self._body.get(name, default)
        if not isinstance(value, str):
            raise FaultError(f"expected {name} as text; found {value!r}")
        return value

    def choice(self, name: str, options: tuple[str, ...]) -> str:
        """One of several words, the first when it is not said."""
        value = self._body.get(name, options[0])
        if value not in options:
            raise FaultError(f"expected {name} as one of {', '.join(options)}; found {value!r}")
        return value

    def shares(self, name: str, default: str) -> int:
        """A size in shares, in micro-shares."""
        return self._decimal(name, default, parse_size)

    def price(self, name: str, default: str) -> int:
        """A price in dollars, in 1/10,000."""
        return self._decimal(name, default, parse_price)

    def market(self) -> Market:
        """The market that is named by condition id, slug or token id."""
        name = self._body.get("market")
        market = self._parts.venue.catalogue.find(name) if isinstance(name, str) else None
        if market is None:
            raise FaultError(f"expected market as a condition id, slug or token id of this sandbox; found {name!r}")
        return market

    def outcome(self, market: Market, default: int = 0) -> int:
        """The index of one of a market's outcomes."""
        name = self._body.get("outcome", market.outcomes[default])
        if name not in market.outcomes:
            raise FaultError(f"outcome of {market.slug} is one of {', '.join(market.outcomes)}; found {name!r}")
        return market.outcomes.index(name)

    def account(self) -> Account:
        """The account that is named by its address, by its wallet's or by an API key."""
        name = self._body.get("account")
        known = self._parts.accounts
        account = None
        if isinstance(name, str):
            account = known.by_address(name) or known.by_wallet(name) or known.by_key(name)
        if account is None:
            raise FaultError(f"expected account as an address or API key of this sandbox; found {name!r}")
        return account

    def wallet(self) -> Wallet:
        """The wallet that an account trades from."""
        account = self.account()
        wallet = next(iter(account.wallets.values()), None)
        if wallet is None:
            raise FaultError(f"expected an account with a wallet; {account.address} has none")
        return wallet

    def order(self) -> Order:
        """The open order of an id."""
        name = self._body.get("order")
        order = self._parts.venue.engine.orders.get(name) if isinstance(name, str) else None
        if order is None or not order.open:
            raise FaultError(f"expected order as the id of an open order; found {name!r}")
        return order

    def ends(self, count: int | None = None, seconds: int | None = None) -> dict[str, Any]:
        """When a switch ends: as is said, otherwise after `count` effects or `seconds`, otherwise when cleared."""
        said = self.has("count") or self.has("seconds")
        left = self.whole("count", count or 1) if self.has("count") or (count is not None and not said) else None
        lasts_ns = None
        if self.has("seconds") or (seconds is not None and not said):
            lasts_ns = self.seconds_ns("seconds", seconds or 0)
        chance = self._body.get("probability", 1.0)
        if not isinstance(chance, int | float) or isinstance(chance, bool) or not 0 < chance <= 1:
            raise FaultError(f"expected probability as a number above 0, at most 1; found {chance!r}")
        until_ns = None if lasts_ns is None else self._now_ns + lasts_ns
        return {"fault": self.fault, "left": left, "until_ns": until_ns, "chance": float(chance)}

    def _decimal(self, name: str, default: str, read: Callable[[str], int]) -> int:
        value = self._body.get(name, default)
        try:
            return read(str(value))
        except ValueError as error:
            raise FaultError(f"{name}: {error}") from None
