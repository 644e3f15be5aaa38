"""What resting orders earn: liquidity rewards sampled once a minute, and a share of the fees that they brought.

Once in every minute, at a moment that nobody can foresee, each market with rewards is looked at. An order scores
((v - s) / v)^2 x size, where v is the widest spread that counts and s its distance from the middle; bids of YES (and
asks of NO) are one sum, the others the other. A maker counts with the smaller of its two sums, or with a third of the
larger one when that is more and the middle is between 0.10 and 0.90. Its share of all makers' scores is its share of
that minute's reward, a 1,440th of the day's. All outside makers are one maker here.

Why a maker's rebate is simply a share of the fees that its own fills brought: the pool of a market is that share of all
its fees, and is divided by the same formula by which the fees were taken.

Both are paid at midnight UTC, each from one dollar on. Source: docs.polymarket.com/programs, read 2026-09-30.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from random import Random
from typing import Any, Final

from sandbox.books import Ladder, MirroredBook
from sandbox.log import Log
from sandbox.markets import Catalogue, Market
from sandbox.schedule import Schedule
from sandbox.trading.engine import Engine
from sandbox.trading.fees import taker_fee
from sandbox.trading.records import Order, Trade
from sandbox.units import ONE, SECOND, SHARE, parse_decimal

ASSET: Final = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
"""pUSD, in which everything is paid."""

_MINUTE: Final = 60 * SECOND
_DAY: Final = 86_400 * SECOND
_SAMPLES: Final = 1_440
_LEAST_PAID: Final = SHARE
_DAYS_KEPT: Final = 35
_ONE_SIDED: Final = 3
"""By how much a one-sided quote counts less."""

_Earned = dict[tuple[str, str], int]
"""Micro-dollars by wallet and condition."""


class Rewards:
    """Samples, keeps and pays; wallets are named by their address, whatever its case."""

    def __init__(self, catalogue: Catalogue, engine: Engine, log: Log, schedule: Schedule, random: Random) -> None:
        self._catalogue = catalogue
        self._engine = engine
        self._log = log
        self._schedule = schedule
        self._random = random
        self._rewards: dict[date, _Earned] = {}
        self._rebates: dict[date, _Earned] = {}
        engine.on_trade.append(self._traded)

    def start(self, now_ns: int) -> None:
        """Sample from now on, and pay at every midnight."""
        self._plan_sample(now_ns // _MINUTE * _MINUTE + _MINUTE)
        self._schedule.at((now_ns // _DAY + 1) * _DAY, self._pay)

    def scores(self, order_id: str, now_ns: int) -> bool:
        """Whether an order would count if it were looked at now."""
        order = self._engine.open.get(order_id)
        return order is not None and bool(_score(order, _middle(order.market), now_ns))

    def earnings(self, wallet: str, day: date) -> list[dict[str, Any]]:
        """A wallet's rewards of a day, by market."""
        return [
            {
                "date": f"{day.isoformat()}T00:00:00Z",
                "condition_id": condition_id,
                "asset_address": ASSET,
                "maker_address": wallet,
                "earnings": earned / SHARE,
                "asset_rate": 1,
            }
            for condition_id, earned in _of(self._rewards, wallet, day)
        ]

    def total(self, wallet: str, day: date) -> list[dict[str, Any]]:
        """A wallet's rewards of a day together; none when there are none."""
        earned = sum(earned for _, earned in _of(self._rewards, wallet, day))
        if not earned:
            return []
        return [
            {
                "date": f"{day.isoformat()}T00:00:00Z",
                "asset_address": ASSET,
                "maker_address": wallet,
                "earnings": earned / SHARE,
                "asset_rate": 1,
            }
        ]

    def percentages(self, wallet: str, now_ns: int) -> dict[str, float]:
        """A wallet's share of each market's rewards, if it were looked at now, in percent."""
        return {
            market.condition_id: 100 * scores[wallet.lower()] / sum(scores.values())
            for market, scores in self._scores(now_ns)
            if scores.get(wallet.lower())
        }

    def rebates(self, wallet: str, day: date) -> list[dict[str, Any]]:
        """A wallet's maker rebates of a day, by market."""
        return [
            {
                "date": day.isoformat(),
                "condition_id": condition_id,
                "asset_address": ASSET,
                "maker_address": wallet,
                "rebated_fees_usdc": f"{earned / SHARE:.6f}",
            }
            for condition_id, earned in _of(self._rebates, wallet, day)
        ]

    def competitiveness(self, market: Market, now_ns: int) -> float:
        """What all makers of a market score together now, in shares."""
        orders = [order for order in self._engine.open.values() if order.market is market]
        return sum(_scores(market, orders, now_ns).values()) / (_ONE_SIDED * SHARE)

    def _plan_sample(self, minute_ns: int) -> None:
        def due(now_ns: int) -> None:
            self._sample(now_ns)
            self._plan_sample(minute_ns + _MINUTE)

        self._schedule.at(minute_ns + self._random.randrange(_MINUTE), due)

    def _sample(self, now_ns: int) -> None:
        today = self._rewards.setdefault(_day(now_ns), {})
        for market, scores in self._scores(now_ns):
            total = sum(scores.values())
            for wallet, score in scores.items():
                earned = market.category.rewards.daily * score // (total * _SAMPLES) if wallet else 0
                if earned:
                    key = wallet, market.condition_id
                    today[key] = today.get(key, 0) + earned

    def _scores(self, now_ns: int) -> Iterator[tuple[Market, dict[str, int]]]:
        """The markets in which accounts have orders and anybody scores."""
        by_market: dict[str, list[Order]] = defaultdict(list)
        for order in self._engine.open.values():
            by_market[order.market.condition_id].append(order)
        for condition_id, orders in by_market.items():
            market = self._catalogue.by_condition[condition_id]
            scores = _scores(market, orders, now_ns)
            if any(scores.values()):
                yield market, scores

    def _traded(self, trade: Trade, now_ns: int) -> None:
        if trade.status != "CONFIRMED":
            return
        category = trade.market.category
        rate = parse_decimal(category.rebate_rate, 6)
        day = self._rebates.setdefault(_day(now_ns), {})
        for fill in trade.fills:
            if fill.order is not None:
                rebate = taker_fee(category, fill.price, fill.size) * rate // 10**6
                key = fill.order.wallet.address.lower(), trade.market.condition_id
                if rebate:
                    day[key] = day.get(key, 0) + rebate

    def _pay(self, now_ns: int) -> None:
        ended = _day(now_ns - 1)
        for kind, days in (("liquidity_reward", self._rewards), ("maker_rebate", self._rebates)):
            owed: dict[str, int] = defaultdict(int)
            for (address, _), earned in days.get(ended, {}).items():
                owed[address] += earned
            for address, amount in owed.items():
                if amount >= _LEAST_PAID:
                    self._engine.ledger.deposit(self._engine.ledger.wallets[address], amount, now_ns)
                    self._log.write(now_ns, kind, wallet=address, day=ended.isoformat(), amount=amount)
            for day in sorted(days)[:-_DAYS_KEPT]:
                del days[day]
        self._schedule.at(now_ns + _DAY, self._pay)


def _scores(market: Market, orders: list[Order], now_ns: int) -> dict[str, int]:
    """What each maker of a market counts for; the outside ones together are ""."""
    middle = _middle(market)
    book = market.book
    if middle is None or not isinstance(book, MirroredBook):
        return {}
    sides = {"": [_outside(ladder, orders, market, middle) for ladder in (book.bids, book.asks)]}
    for order in orders:
        score = _score(order, middle, now_ns)
        if score:
            sums = sides.setdefault(order.wallet.address.lower(), [0, 0])
            sums[0 if order.book_side == "BUY" else 1] += score
    inside = 2 * ONE // 10 <= middle <= 2 * (ONE - ONE // 10)
    return {
        wallet: max(_ONE_SIDED * min(sums), *sums) if inside else _ONE_SIDED * min(sums)
        for wallet, sums in sides.items()
    }


def _score(order: Order, middle: int | None, now_ns: int) -> int:
    """An order's own score, 0 when it does not count."""
    if middle is None or order.resting is None:
        return 0
    if now_ns - order.created_ns < order.market.category.rewards.min_age_s * SECOND:
        return 0
    return _weight(order.market, order.book_price, order.resting.remaining, middle)


def _weight(market: Market, price: int, size: int, middle: int) -> int:
    # ((v - s) / v)^2 x size in micro-shares, with v and s in half units because the middle may be between two prices.
    terms = market.category.rewards
    near = 2 * terms.max_spread - abs(2 * price - middle)
    if size < terms.min_size or near <= 0:
        return 0
    return near * near * size // (4 * terms.max_spread * terms.max_spread)


def _outside(ladder: Ladder, orders: list[Order], market: Market, middle: int) -> int:
    """The score of what rests on a side and is no account's, each level taken for one order."""
    own: dict[int, int] = defaultdict(int)
    for order in orders:
        if order.resting is not None and order.book_side == ladder.side:
            own[order.book_price] += order.resting.remaining
    return sum(_weight(market, price, size - own[price], middle) for price, size in ladder.sizes.items())


def _middle(market: Market) -> int | None:
    """Twice the price half way between the best levels that are not too small to count.

    None without both, and where nothing is to be earned.
    """
    if not market.category.rewards.daily or not isinstance(market.book, MirroredBook):
        return None
    least = market.category.rewards.min_size
    bid = max((price for price, size in market.book.bids.sizes.items() if size >= least), default=None)
    ask = min((price for price, size in market.book.asks.sizes.items() if size >= least), default=None)
    return None if bid is None or ask is None else bid + ask


def _of(days: dict[date, _Earned], wallet: str, day: date) -> list[tuple[str, int]]:
    earned = days.get(day, {})
    return [(condition_id, amount) for (address, condition_id), amount in earned.items() if address == wallet.lower()]


def _day(now_ns: int) -> date:
    return datetime.fromtimestamp(now_ns // SECOND, UTC).date()
