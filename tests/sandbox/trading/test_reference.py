"""The engine against the slowest exchange that one could write."""

from fractions import Fraction
from math import ceil, floor
from random import Random

import pytest

from sandbox.trading.settlement import FAILED, FAILED_THEN_CONFIRMED, RETRIED, STUCK
from sandbox.units import SECOND, SHARE
from tests.sandbox.trading.reference import Reference, fee_of, fits, portions, seen_by, urgency

REFUSALS = {
    "post-only": "invalid post-only order",
    "FOK": "order couldn't be fully filled",
    "FAK": "no orders found to match",
    "$1": "invalid amount for a marketable BUY order",
    "balance": "not enough balance",
}


class Race:
    """The engine and the reference, given the same orders and compared after each."""

    def __init__(self, pit, seed, fates):
        self.random = Random(seed)
        self.pit = pit
        self.reference = Reference()
        self.accounts = {name: pit.trader(400 * SHARE, 400 * SHARE, 400 * SHARE) for name in "abcd"}
        self.names = {account.wallets[0].address: name for name, account in self.accounts.items()}
        for name in self.accounts:
            self.reference.cash[name] = 400 * SHARE
            for token in (0, 1):
                self.reference.tokens[name, token] = 400 * SHARE
        self.fates = fates
        self.refused = dict.fromkeys(REFUSALS, 0)
        self.compared = 0
        pit.engine.on_trade.append(self._settled)

    def step(self):
        """Do one thing to both."""
        act = self.random.choices(
            (self.order, self.cancel, self.take, self.arrive, self.leave, self.wait, self.move),
            (60, 13, 6, 8, 5, 6, 2),
        )[0]
        act()
        self.compare()

    def order(self):
        """Place an order of some kind."""
        random = self.random
        name = random.choice("abcd")
        side, token = random.choice(("BUY", "SELL")), random.randrange(2)
        price = random.randint(44, 56) * 100 if random.random() < 0.7 else random.randint(4_400, 5_600)
        kind = random.choice(("GTC", "GTC", "GTC", "GTD", "FOK", "FAK"))
        size = random.choice((random.randint(1, 60) * SHARE, random.randint(100, 9_999) * 10_000, 2 * SHARE))
        post_only = kind in ("GTC", "GTD") and random.random() < 0.2
        expires_s = self.pit.now_ns // SECOND + random.randint(61, 200) if kind == "GTD" else 0
        placed = self.pit.place(
            self.accounts[name],
            side,
            price,
            size,
            token=token,
            kind=kind,
            post_only=post_only,
            expires_s=expires_s,
        )
        spends = side == "BUY" and kind in ("FOK", "FAK")
        fraction = Fraction(price, 10_000)
        refusal = self.reference.place(
            {
                "id": f"order{self.pit.placed}",
                "owner": name,
                "side": side,
                "token": token,
                "price": fraction,
                "kind": kind,
                "post_only": post_only,
                "expires_s": expires_s,
                "size": floor(size / fraction) if spends else size,
                "making": ceil(size * fraction) if side == "BUY" and not spends else size,
            }
        )
        assert placed.error.startswith(REFUSALS[refusal] if refusal else "")
        assert bool(placed.error) == bool(refusal)
        if refusal:
            self.refused[refusal] += 1

    def cancel(self):
        """Cancel some resting order of an account."""
        mine = [o for o in self.reference.resting if o["owner"] != "outside"]
        if mine:
            chosen = self.random.choice(mine)
            self.reference.resting.remove(chosen)
            order = self.pit.engine.open[chosen["id"]]
            assert self.pit.venue.cancel(order, "CANCELED", self.pit.now_ns)

    def take(self):
        """Let an outside taker trade."""
        side, token = self.random.choice(("BUY", "SELL")), self.random.randrange(2)
        self._outside(side, token, None, self.random.randint(1, 90_000_000))

    def arrive(self):
        """Let outside liquidity come."""
        side, price = self.random.choice(("BUY", "SELL")), self.random.randint(44, 56) * 100
        size = self.random.randint(1, 60_000_000)
        left = self._outside(side, 0, price, size)
        if left:
            self.reference.arrivals += 1
            self.reference.resting.append(
                {
                    "id": "outside",
                    "owner": "outside",
                    "side": side,
                    "token": 0,
                    "price": Fraction(price, 10_000),
                    "left": left,
                    "arrival": self.reference.arrivals,
                }
            )

    def leave(self):
        """Let outside liquidity go."""
        there = [o for o in self.reference.resting if o["owner"] == "outside"]
        if not there:
            return
        chosen, size = self.random.choice(there), self.random.randint(1, 80_000_000)
        price = int(chosen["price"] * 10_000)
        gone = self.pit.venue.withdraw_outside(self.pit.market, chosen["side"], price, size, self.pit.now_ns)
        level = self.reference.level(chosen["side"], chosen["price"])
        assert gone == min(size, sum(o["left"] for o in level))
        for o in reversed(level):
            leaving = min(o["left"], gone)
            o["left"] -= leaving
            gone -= leaving
            if not o["left"]:
                self.reference.resting.remove(o)

    def wait(self):
        """Let time pass, which settles and expires."""
        self.pit.advance(self.random.choice((0.5, 3, 20)))
        self.reference.expire(self.pit.now_ns)

    def move(self):
        """Let an account's money leave the venue, or come."""
        name = self.random.choice("abcd")
        held = self.accounts[name].wallets[0].cash
        amount = -min(held, self.random.randint(1, 500) * SHARE) if self.random.random() < 0.5 else 250 * SHARE
        self.reference.cash[name] += amount
        self.reference.uncover(name)
        self.pit.ledger.deposit(self.accounts[name].wallets[0], amount, self.pit.now_ns)

    def compare(self):
        """The same trades, the same orders in the same line with the same sizes, the same money."""
        trades = self.pit.trades
        assert len(trades) == len(self.reference.trades)
        for trade in trades[self.compared :]:
            expected = self.reference.trades[trade.number]
            seen = [
                (
                    fill.order_id if fill.order else "outside",
                    fill.size,
                    Fraction(fill.price if fill.token == trade.token else 10_000 - fill.price, 10_000),
                    fill.cash if fill.token == trade.token else fill.size - fill.cash,
                )
                for fill in trade.fills
            ]
            assert seen == expected["parts"]
            assert trade.fee == expected["fee"]
        self.compared = len(trades)
        for side in ("BUY", "SELL"):
            line = [(o.owner, o.remaining) for o in self.pit.book.line(side)]
            taker = {"token": 0, "side": "SELL" if side == "BUY" else "BUY", "price": None}
            expected = sorted((o for o in self.reference.resting if fits(taker, o)), key=lambda o: urgency(taker, o))
            assert line == [(o["id"], o["left"]) for o in expected]
        for name, account in self.accounts.items():
            wallet = account.wallets[0]
            assert wallet.cash == self.reference.cash[name]
            assert wallet.free_cash == self.reference.free(name, "cash")
            for token, token_id in enumerate(self.pit.market.token_ids):
                assert wallet.tokens.get(token_id, 0) == self.reference.tokens[name, token]
                assert wallet.free_tokens(token_id) == self.reference.free(name, token)
        assert self.pit.ledger.cash == self.pit.ledger.brought_in
        yes, no = (self.pit.ledger.held(token_id) for token_id in self.pit.market.token_ids)
        assert yes == no

    def _outside(self, side, token, price, size):
        traded = self.pit.take(side, size, token) if price is None else None
        if price is not None:
            self.pit.outside(side, price, size)
        fraction = None if price is None else Fraction(price, 10_000)
        taker = {"owner": "outside", "side": side, "token": token, "price": fraction, "kind": "GTC", "size": size}
        line = sorted((o for o in self.reference.resting if fits(taker, o)), key=lambda o: urgency(taker, o))
        taken, _ = portions(taker, line)
        if taken:
            self.reference.trade(taker, taken, sum(fee_of(seen_by(taker, o), part) for o, part in taken))
        total = sum(part for _, part in taken)
        assert traded in (None, total)
        return size - total

    def _settled(self, trade, now_ns):
        if trade.status == "MATCHED":
            if self.fates and self.random.random() < 0.2:
                self.pit.engine.settlement.next_fates.append(
                    self.random.choice((RETRIED, FAILED, FAILED_THEN_CONFIRMED, STUCK))
                )
            return
        self.reference.expire(now_ns)
        self.reference.status(trade.number, trade.status)


@pytest.mark.parametrize("seed, steps, fates", [(1, 18_000, False), (2, 4_000, True)])
def test_ten_thousand_random_orders_trade_as_the_slowest_exchange_says(make_pit, seed, steps, fates):
    race = Race(make_pit("crypto"), seed, fates)
    for _ in range(steps):
        race.step()
    race.pit.check()
    assert race.pit.placed > steps // 2
    assert min(race.refused.values()) > steps // 1_000
    assert len(race.pit.trades) > steps // 5


def test_the_same_orders_and_seed_give_the_same_log_byte_for_byte(make_pit):
    logs = []
    for _ in range(2):
        race = Race(make_pit("crypto"), 3, fates=True)
        for _ in range(400):
            race.step()
        logs.append(race.pit.log.after(0, 10**6))
    assert logs[0] == logs[1]
    assert len(logs[0]) > 500
