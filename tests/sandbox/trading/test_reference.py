"""The engine against the slowest exchange that one could write: flat lists, sorted for every taker, and fractions."""

from fractions import Fraction
from math import ceil, floor
from random import Random

import pytest

from sandbox.trading.settlement import FAILED, FAILED_THEN_CONFIRMED, RETRIED, STUCK
from sandbox.units import SECOND, SHARE

RATE = Fraction(7, 100)
DUST = 10_000


class Reference:
    """Every order is a dict; prices are fractions of a dollar, amounts micro-units."""

    def __init__(self):
        self.resting = []
        self.cash = {}
        self.tokens = {}
        self.owed = []
        self.trades = {}
        self.arrivals = 0

    def free(self, owner, what):
        """Micro-dollars (`what` is "cash") or micro-shares of a token that nothing has a claim on."""
        held = self.cash[owner] if what == "cash" else self.tokens[owner, what]
        promised = sum(o["promise"] for o in self.resting if o["owner"] == owner and gives(o) == what)
        return held - promised - sum(amount for _, who, kind, amount in self.owed if (who, kind) == (owner, what))

    def place(self, order):
        """Say why an order is refused, or "" and trade and rest it."""
        line = sorted((o for o in self.resting if fits(order, o)), key=lambda o: urgency(order, o))
        foreign = [o for o in line if o["owner"] != order["owner"]]
        taken, finished = portions(order, foreign)
        fee = sum(fee_of(seen_by(order, o), size) for o, size in taken)
        free = self.free(order["owner"], gives(order))
        if free < order["making"]:
            return "balance"
        if order["post_only"] and line:
            return "post-only"
        if order["kind"] == "FOK" and not finished:
            return "FOK"
        if order["kind"] == "FAK" and not taken:
            return "FAK"
        if order["side"] == "BUY" and taken and order["making"] < 1_000_000:
            return "$1"
        if order["side"] == "BUY" and free < order["making"] + fee:
            return "balance"
        reached = line[: line.index(taken[-1][0])] if finished and taken else line
        for o in reached:
            if o["owner"] == order["owner"]:
                self.resting.remove(o)
        order |= {"matched": 0, "promise": order["making"]}
        if taken:
            self.trade(order, taken, fee)
        if order["kind"] in ("GTC", "GTD"):
            self.rest(order)
        return ""

    def rest(self, order):
        """Put an order at the back, or drop it when only dust is left of it."""
        order["left"] = usable(order)
        self.arrivals += 1
        order["arrival"] = self.arrivals
        if order["left"]:
            self.resting.append(order)

    def trade(self, taker, taken, fee):
        """Trade with each of these orders at its price, and note what everybody owes."""
        number = len(self.trades) + 1
        parts, moves = [], []
        account = taker["owner"] != "outside"
        for maker, size in taken:
            price = maker["price"] * size
            pays = ceil(price) if maker["side"] == "BUY" else floor(price)
            same = maker["token"] == taker["token"]
            taker_cash = pays if same else size - pays
            for party, cash in ((maker, pays), (taker, taker_cash)):
                if party["owner"] != "outside":
                    gave = cash if party["side"] == "BUY" else size
                    party["matched"] += size
                    rest = max(party["size"] - party["matched"], 0)
                    cost = ceil(rest * party["price"]) if party["side"] == "BUY" else rest
                    if party is maker:
                        party["promise"] = max(min(party["promise"] - gave, cost), 0)
                    moves.append((party["owner"], party["side"], party["token"], size, cash))
            if maker["owner"] == "outside":
                maker["left"] -= size
            else:
                account = True
                maker["left"] = usable(maker)
            if not maker["left"]:
                self.resting.remove(maker)
            parts.append((maker["id"], size, seen_by(taker, maker), taker_cash))
        if taker["owner"] != "outside":
            rest = max(taker["size"] - taker["matched"], 0)
            gave = sum(p[3] if taker["side"] == "BUY" else p[1] for p in parts)
            cost = ceil(rest * taker["price"]) if taker["side"] == "BUY" else rest
            taker["promise"] = max(min(taker["promise"] - gave, cost), 0)
        if not account:
            return
        self.trades[number] = {"parts": parts, "moves": moves, "fee": fee, "taker": taker["owner"], "moved": False}
        for owner, side, token, size, cash in moves:
            self.owed.append((number, owner, *(("cash", cash) if side == "BUY" else (token, size))))
        if taker["owner"] != "outside" and taker["side"] == "BUY":
            self.owed.append((number, taker["owner"], "cash", fee))

    def status(self, number, status):
        """Hear what the chain did with a trade."""
        trade = self.trades[number]
        if status in ("MINED", "CONFIRMED", "FAILED"):
            self.owed = [claim for claim in self.owed if claim[0] != number]
        if status not in ("MINED", "CONFIRMED") or trade["moved"]:
            return
        trade["moved"] = True
        for owner, side, token, size, cash in trade["moves"]:
            sign = 1 if side == "BUY" else -1
            self.cash[owner] -= sign * cash
            self.tokens[owner, token] += sign * size
        if trade["taker"] != "outside":
            self.cash[trade["taker"]] -= trade["fee"]
        for owner in dict.fromkeys(owner for owner, *_ in trade["moves"]):
            self.uncover(owner)

    def uncover(self, owner):
        """Cancel what a wallet can no longer pay for, the newest first."""
        for order in sorted((o for o in self.resting if o["owner"] == owner), key=lambda o: -o["arrival"]):
            if self.free(owner, gives(order)) < 0:
                self.resting.remove(order)

    def expire(self, now_ns):
        """Drop what has lived until a minute before its time."""
        self.resting = [o for o in self.resting if not o.get("expires_s") or (o["expires_s"] - 60) * SECOND > now_ns]

    def level(self, side, price):
        """The outside's orders of a level in YES terms, oldest first."""
        return [o for o in self.resting if (o["owner"], o["side"], o["price"]) == ("outside", side, price)]


def gives(order):
    return "cash" if order["side"] == "BUY" else order["token"]


def seen_by(taker, maker):
    return maker["price"] if maker["token"] == taker["token"] else 1 - maker["price"]


def fits(taker, maker):
    if (maker["token"] == taker["token"]) == (maker["side"] == taker["side"]):
        return False
    price = seen_by(taker, maker)
    return taker["price"] is None or (price <= taker["price"] if taker["side"] == "BUY" else price >= taker["price"])


def urgency(taker, maker):
    price = seen_by(taker, maker)
    return (price if taker["side"] == "BUY" else -price, maker["arrival"])


def portions(taker, line):
    """What a taker gets of whom, and whether it then has all that it wanted."""
    taken = []
    if taker["side"] == "BUY" and taker["kind"] in ("FOK", "FAK"):
        budget = taker["making"]
        for maker in line:
            price = seen_by(taker, maker)
            affordable = floor(budget / price)
            if floor(affordable * price) == 0:
                return taken, True
            taken.append((maker, min(affordable, maker["left"])))
            if affordable <= maker["left"]:
                return taken, True
            budget -= floor(maker["left"] * price)
        return taken, budget <= len(taken)
    left = taker["size"]
    for maker in line:
        taken.append((maker, min(left, maker["left"])))
        left -= taken[-1][1]
        if not left:
            return taken, True
    return taken, False


def usable(order):
    left = max(order["size"] - order["matched"], 0)
    if order["side"] == "BUY":
        left = min(left, floor(order["promise"] / order["price"]))
    return left if left >= DUST else 0


def fee_of(price, size):
    dollars = Fraction(size, SHARE) * RATE * price * (1 - price)
    return 0 if dollars < Fraction(1, 100_000) else floor(dollars * 100_000 + Fraction(1, 2)) * 10


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
