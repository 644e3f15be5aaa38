"""What becomes of a matched trade: MATCHED -> MINED -> CONFIRMED in the ordinary case, or whatever a `Fate` says.

Why nothing moves before MINED: matching is the venue's word, the movement is the chain's. Until then the amounts are
owed: neither free nor gone. A movement that the chain refuses, because a wallet was emptied meanwhile, is a FAILED
trade, whatever was meant for it.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log
from random import Random
from typing import Final

from sandbox.log import Log
from sandbox.markets import Market, digest_id
from sandbox.schedule import Schedule
from sandbox.trading.ledger import Ledger, LedgerError
from sandbox.trading.records import MakerFill, Order, Trade, TradeStatus, Wallet
from sandbox.trading.reservations import owe
from sandbox.units import SECOND

_CONFIRMED_MEDIAN_S: Final = 4.0
_CONFIRMED_SIGMA: Final = log(30 / 4) / 1.6449
"""So that 95 of 100 trades are confirmed within 30 s."""


@dataclass(frozen=True, slots=True)
class Fate:
    """The statuses of a trade after MATCHED, each with its delay after the one before; without any it stays MATCHED."""

    steps: tuple[tuple[TradeStatus, int], ...]


RETRIED: Final = Fate((("RETRYING", 5 * SECOND), ("MINED", 40 * SECOND), ("CONFIRMED", 5 * SECOND)))
FAILED: Final = Fate((("RETRYING", 2 * SECOND), ("FAILED", 8 * SECOND)))
FAILED_THEN_CONFIRMED: Final = Fate((("FAILED", 3 * SECOND), ("CONFIRMED", 10 * SECOND)))
STUCK: Final = Fate(())


class Settlement:
    """Moves what trades move, when the chain would. `next_fates` are those of the next trades to be matched."""

    def __init__(
        self,
        ledger: Ledger,
        record: Log,
        schedule: Schedule,
        random: Random,
        spender_of: Callable[[Market], str],
        tell: Callable[[Trade, int], None],
    ) -> None:
        self.next_fates: deque[Fate] = deque()
        self._ledger = ledger
        self._log = record
        self._schedule = schedule
        self._random = random
        self._spender_of = spender_of
        self._tell = tell
        self._moved: set[str] = set()
        self._owed: set[str] = set()
        self._refused: set[str] = set()

    def begin(self, trade: Trade, now_ns: int) -> None:
        """Take a trade that was just matched: its amounts are owed from now on."""
        for order, amount in _givers(trade):
            owe(order, amount)
        self._owed.add(trade.id)
        self.follow(trade, self.next_fates.popleft() if self.next_fates else self._ordinary(), now_ns)

    def follow(self, trade: Trade, fate: Fate, now_ns: int) -> None:
        """Let a trade go the way of a fate from here, besides what it is on already."""
        due_ns = now_ns
        for status, delay_ns in fate.steps:
            due_ns += delay_ns

            def due(at_ns: int, status: TradeStatus = status) -> None:
                self.advance(trade, status, at_ns)

            self._schedule.at(due_ns, due)

    def advance(self, trade: Trade, status: TradeStatus, now_ns: int) -> None:
        """Give a trade its next status; what moved can no longer fail, what the chain refused is over."""
        over = trade.status == "CONFIRMED" or trade.id in self._refused
        if over or (status == "FAILED" and trade.id in self._moved):
            return
        if status in ("MINED", "CONFIRMED") and not self._move(trade, now_ns):
            self._refused.add(trade.id)
            if trade.status == "FAILED":
                return
            status = "FAILED"
        if status in ("MINED", "CONFIRMED", "FAILED"):
            self._release(trade)
        trade.status = status
        trade.updated_ns = now_ns
        self._log.write(now_ns, "trade", id=trade.id, status=status, transaction=trade.transaction_hash)
        self._tell(trade, now_ns)

    def _ordinary(self) -> Fate:
        total_s = self._random.lognormvariate(log(_CONFIRMED_MEDIAN_S), _CONFIRMED_SIGMA)
        mined_ns = round(total_s / 2 * SECOND)
        return Fate((("MINED", mined_ns), ("CONFIRMED", mined_ns)))

    def _release(self, trade: Trade) -> None:
        if trade.id in self._owed:
            self._owed.remove(trade.id)
            for order, amount in _givers(trade):
                owe(order, -amount)

    def _move(self, trade: Trade, now_ns: int) -> bool:
        if trade.id in self._moved:
            return True
        cash: dict[Wallet, int] = defaultdict(int)
        tokens: dict[tuple[Wallet, str], int] = defaultdict(int)
        locked = 0
        outside = self._ledger.outside
        taker = trade.order.wallet if trade.order else outside
        for fill in trade.fills:
            maker = fill.order.wallet if fill.order else outside
            taker_cash = fill.cash if fill.token == trade.token else fill.size - fill.cash
            for wallet, token, side, amount in (
                (maker, fill.token, fill.side, fill.cash),
                (taker, trade.token, trade.side, taker_cash),
            ):
                sign = 1 if side == "BUY" else -1
                cash[wallet] -= sign * amount
                tokens[wallet, trade.market.token_ids[token]] += sign * fill.size
            if fill.token != trade.token:
                locked += fill.size if fill.side == "BUY" else -fill.size
        cash[taker] -= trade.fee
        spender = self._spender_of(trade.market)
        if not all(_permitted(spender, cash, tokens, outside)):
            return False
        self._restock(trade, tokens, now_ns)
        try:
            self._ledger.settle(trade.market, cash, tokens, locked, trade.fee)
        except LedgerError:
            return False
        for wallet, amount in cash.items():
            if amount < 0 and wallet is not outside:
                wallet.use_allowance(spender, -amount)
        self._moved.add(trade.id)
        trade.transaction_hash = transaction_of(trade)
        if trade.market.payouts is not None:
            self._ledger.redeem(outside, trade.market, trade.market.payouts, now_ns)
        return True

    def _restock(self, trade: Trade, tokens: dict[tuple[Wallet, str], int], now_ns: int) -> None:
        """Let the outside have what it must deliver; after a resolution its stock is gone."""
        outside = self._ledger.outside
        missing = max(
            (-tokens.get((outside, id_), 0) - outside.tokens.get(id_, 0) for id_ in trade.market.token_ids), default=0
        )
        if missing > 0:
            self._ledger.split(outside, trade.market, missing, now_ns)


def _permitted(
    spender: str, cash: dict[Wallet, int], tokens: dict[tuple[Wallet, str], int], outside: Wallet
) -> Iterator[bool]:
    """Whether each wallet lets the contract take what a trade takes from it."""
    for wallet, amount in cash.items():
        if amount < 0 and wallet is not outside:
            yield wallet.permits(spender, "BUY", -amount)
    for (wallet, _), size in tokens.items():
        if size < 0 and wallet is not outside:
            yield wallet.permits(spender, "SELL", -size)


def transaction_of(trade: Trade) -> str:
    """The hash of the transaction that settles a trade; its print bears it before the trade does."""
    return digest_id("transaction", trade.id)


def _givers(trade: Trade) -> Iterator[tuple[Order, int]]:
    """Each account's order of a trade and what it gives: micro-dollars with the fee, or micro-shares."""
    if trade.order is not None:
        yield trade.order, trade.cash + trade.fee if trade.side == "BUY" else trade.size
    for fill in trade.fills:
        if fill.order is not None:
            yield fill.order, _given(fill)


def _given(fill: MakerFill) -> int:
    return fill.cash if fill.side == "BUY" else fill.size
