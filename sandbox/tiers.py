"""Which rate tier an account's trading earns it: looked at every three hours, by what its wallets traded in 30 days.

Why a tier is only ever raised: one that a test or a flag gave has no volume behind it and shall stay, and few worlds
live for the month after which the venue would take one back.
"""

from collections import defaultdict
from typing import Final

from sandbox.accounts import Accounts
from sandbox.limits import SignerBuckets, tier_for
from sandbox.log import Log
from sandbox.schedule import Schedule
from sandbox.trading.engine import Engine
from sandbox.trading.records import Trade
from sandbox.units import ONE, SECOND

_EVERY: Final = 3 * 3_600 * SECOND
_DAY: Final = 86_400 * SECOND
_DAYS: Final = 30


class Tiers:
    """Counts what wallets trade, and raises the tier of the accounts that they belong to."""

    def __init__(
        self, accounts: Accounts, engine: Engine, buckets: SignerBuckets, log: Log, schedule: Schedule
    ) -> None:
        self._accounts = accounts
        self._buckets = buckets
        self._log = log
        self._schedule = schedule
        self._days: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        """Micro-dollars by wallet and day."""
        engine.on_trade.append(self._traded)

    def start(self, now_ns: int) -> None:
        """Look for the first time in three hours."""
        self._schedule.at(now_ns + _EVERY, self._refresh)

    def volume(self, address: str, now_ns: int) -> int:
        """Micro-dollars that a wallet traded in 30 days."""
        days = self._days.get(address.lower(), {})
        return sum(dollars for day, dollars in days.items() if day > now_ns // _DAY - _DAYS)

    def _traded(self, trade: Trade, now_ns: int) -> None:
        if trade.status != "CONFIRMED":
            return
        if trade.order is not None:
            self._days[trade.order.wallet.address.lower()][now_ns // _DAY] += trade.cash
        for fill in trade.fills:
            if fill.order is not None:
                dollars = fill.price * fill.size // ONE
                self._days[fill.order.wallet.address.lower()][now_ns // _DAY] += dollars

    def _refresh(self, now_ns: int) -> None:
        for account in self._accounts:
            volume = sum(self.volume(wallet.address, now_ns) for wallet in account.wallets.values())
            earned = tier_for(volume)
            if earned.volume > self._buckets.tier(account.address).volume:
                self._buckets.assign(account.address, earned, now_ns)
                self._log.write(now_ns, "tier", account=account.address, tier=earned.name, volume=volume)
        self._schedule.at(now_ns + _EVERY, self._refresh)
