"""What the sandbox's log says of one account: its orders, its fills, what its wallet holds, and which faults fired.

Nothing here knows of an engine: it is folded from the judge's own lines, which `sandbox/log.py` describes. Money and
shares are millionths, prices 1/10,000 dollar, times the sandbox's clock.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

Line = Mapping[str, Any]
Token = tuple[str, int]
"""A market and the index of its outcome."""

_ONE: Final = 10_000
_MOVED: Final = ("MINED", "CONFIRMED")


@dataclass(slots=True)
class VenueOrder:
    """An order that the venue took; `ended` is empty while it can still trade."""

    order_id: str
    number: int
    at_ns: int
    market: str
    token: int
    side: str
    size: int
    matched: int = 0
    ended: str = ""


@dataclass(slots=True)
class VenueFill:
    """One order's part of a trade, in its own terms. `moved`: cash and shares have changed hands on chain."""

    trade_id: str
    order_id: str
    market: str
    token: int
    side: str
    price: int
    size: int
    cash: int
    fee: int
    maker: bool
    status: str
    matched_ns: int
    moved: bool = False

    @property
    def shares(self) -> int:
        """What it adds to the token's shares."""
        return self.size if self.side == "BUY" else -self.size

    @property
    def dollars(self) -> int:
        """What it adds to the cash."""
        return -self.cash - self.fee if self.side == "BUY" else self.cash - self.fee


@dataclass(slots=True)
class Holdings:
    """Micro-dollars, and micro-shares by token."""

    cash: int = 0
    tokens: Counter[Token] = field(default_factory=Counter[Token])


@dataclass(slots=True)
class Fault:
    """How often a switch was thrown, and how often it then had its effect."""

    thrown: int = 0
    effects: int = 0


@dataclass(slots=True)
class VenueAccount:
    """All that happened to one account. `others`: what its wallet was given or lost beside trades, merges, payouts."""

    orders: dict[str, VenueOrder] = field(default_factory=dict[str, VenueOrder])
    fills: dict[tuple[str, str], VenueFill] = field(default_factory=dict[tuple[str, str], VenueFill])
    refused: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    refused_ns: dict[str, int] = field(default_factory=dict[str, int])
    arrivals: Counter[str] = field(default_factory=Counter[str])
    """How often each order came in, taken or refused."""
    merged: Counter[str] = field(default_factory=Counter[str])
    """Pairs turned into dollars, by market."""
    redeemed: Counter[str] = field(default_factory=Counter[str])
    """Micro-dollars paid out, by market."""
    wallet: Holdings = field(default_factory=Holdings)
    others: Holdings = field(default_factory=Holdings)
    faults: dict[str, Fault] = field(default_factory=dict[str, Fault])
    begin_ns: int = 0
    last: int = 0


def fold(lines: Iterable[str], address: str, wallet: str) -> VenueAccount:
    """Fold the log of a sandbox into what it says of the account at `address` that trades from `wallet`."""
    folder = Folder(address, wallet)
    for line in lines:
        folder.take(msgspec.json.decode(line))
    return folder.account


def unmoved(account: VenueAccount) -> Holdings:
    """Return what trades that have not failed will still move."""
    waiting = Holdings()
    for fill in account.fills.values():
        if not fill.moved and fill.status != "FAILED":
            waiting.cash += fill.dollars
            waiting.tokens[fill.market, fill.token] += fill.shares
    return waiting


class Folder:
    """Takes lines one by one, so that a log that goes on is not folded anew; `account` is what they came to."""

    def __init__(self, address: str, wallet: str) -> None:
        self.account = VenueAccount()
        self._address, self._wallet = address.lower(), wallet.lower()
        self._tokens: dict[str, Token] = {}
        self._fills: dict[str, list[VenueFill]] = {}
        self._handlers = {
            "market_listed": self._listed,
            "order_placed": self._placed,
            "order_refused": self._refused,
            "order_cancelled": self._cancelled,
            "order_matched": self._matched,
            "trade": self._trade,
            "fault": self._fault,
        }

    def take(self, line: Line) -> None:
        """Take the next line."""
        account = self.account
        account.begin_ns = account.begin_ns or line["at_ns"]
        account.last = line["n"]
        handler = self._handlers.get(line["kind"])
        if handler is not None:
            handler(line)
        elif self._is_wallet(line) or line.get("to", "").lower() == self._wallet:
            self._moved(line)

    def _listed(self, line: Line) -> None:
        for index, token_id in enumerate(line["tokens"]):
            self._tokens[token_id] = (line["market"], index)

    # Orders

    def _placed(self, line: Line) -> None:
        if line["account"].lower() != self._address:
            return
        self.account.arrivals[line["id"]] += 1
        self.account.orders[line["id"]] = VenueOrder(
            line["id"], line["n"], line["at_ns"], line["market"], line["token"], line["side"], line["size"]
        )

    def _refused(self, line: Line) -> None:
        if line["account"].lower() == self._address:
            self.account.arrivals[line["id"]] += 1
            self.account.refused.setdefault(line["id"], []).append(line["error"])
            self.account.refused_ns.setdefault(line["id"], line["at_ns"])

    def _cancelled(self, line: Line) -> None:
        order = self.account.orders.get(line["id"])
        if order is not None:
            order.ended, order.matched = line["reason"] or line["status"], line["matched"]

    def _matched(self, line: Line) -> None:
        order = self.account.orders.get(line["id"])
        if order is not None:
            order.matched = line["matched"]
            order.ended = line["status"] if line["status"] == "MATCHED" else order.ended

    # Trades

    def _trade(self, line: Line) -> None:
        if "makers" in line:
            fills = self._fills[line["id"]] = list(self._parts(line))
            self.account.fills |= {(fill.trade_id, fill.order_id): fill for fill in fills}
            return
        for fill in self._fills.get(line["id"], ()):
            fill.status = line["status"]
            if fill.status in _MOVED and not fill.moved:
                fill.moved = True
                self.account.wallet.cash += fill.dollars
                self.account.wallet.tokens[fill.market, fill.token] += fill.shares

    def _parts(self, line: Line) -> Iterable[VenueFill]:
        parties = [(line["taker"], line, line["fee"], False), *((one["order"], one, 0, True) for one in line["makers"])]
        for order_id, part, fee, maker in parties:
            if part["account"].lower() == self._address:
                yield VenueFill(
                    line["id"], order_id, line["market"], part["token"], part["side"], _price(part, maker=maker),
                    part["size"], part["cash"], fee, maker, line["status"], line["at_ns"],
                )  # fmt: skip

    # What else moves

    def _moved(self, line: Line) -> None:
        """Take in what was moved on chain beside trades: by the account itself, or by others."""
        kind, account = line["kind"], self.account
        moved = Holdings()
        match kind:
            case "deposit":
                moved.cash = line["amount"]
            case "split" | "merge":
                sign = 1 if kind == "merge" else -1
                moved.cash = sign * line["size"]
                for token in (0, 1):
                    moved.tokens[line["market"], token] = -sign * line["size"]
            case "redeem":
                moved.cash = line["paid"]
                for token in (0, 1):
                    moved.tokens[line["market"], token] = -account.wallet.tokens[line["market"], token]
            case "transfer":
                gives = self._is_wallet(line)
                moved.tokens[self._tokens[line["token_id"]]] = -line["size"] if gives else line["size"]
            case _:
                return
        if kind == "merge":
            account.merged[line["market"]] += line["size"]
        elif kind == "redeem":
            account.redeemed[line["market"]] += line["paid"]
        else:
            _add(account.others, moved)
        _add(account.wallet, moved)

    def _is_wallet(self, line: Line) -> bool:
        return str(line.get("wallet", "")).lower() == self._wallet

    def _fault(self, line: Line) -> None:
        fault = self.account.faults.setdefault(line["fault"], Fault())
        if line["what"] == "thrown":
            fault.thrown += 1
        elif line["what"] == "effect":
            fault.effects += 1
            if line["fault"] == "fee_in_shares":
                self._fee_given_back(line["trade"])

    def _fee_given_back(self, trade_id: str) -> None:
        """A fee that was taken in shares, by a transfer of its own, is given back in dollars."""
        for fill in self._fills.get(trade_id, ()):
            if not fill.maker:
                _add(self.account.others, Holdings(fill.fee))
                _add(self.account.wallet, Holdings(fill.fee))


def _price(part: Line, *, maker: bool) -> int:
    """Return a maker's own price; of a taker, who meets several, the nearest to their mean."""
    return part["price"] if maker else (2 * part["cash"] * _ONE + part["size"]) // (2 * part["size"])


def _add(holdings: Holdings, moved: Holdings) -> None:
    holdings.cash += moved.cash
    holdings.tokens.update(moved.tokens)
