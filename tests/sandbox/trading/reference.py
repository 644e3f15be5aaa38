"""The slowest exchange that one could write: every order is a dict in one flat list, sorted for every taker."""

from fractions import Fraction
from math import ceil, floor

from sandbox.units import SECOND, SHARE

RATE = Fraction(7, 100)
DUST = 10_000


class Reference:
    """All orders and money; prices are fractions of a dollar, amounts micro-units."""

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
