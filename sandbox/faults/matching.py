"""What can go wrong with an account's orders, trades and holdings."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec

from sandbox import wire
from sandbox.books import OPPOSITE
from sandbox.faults.calls import Rule
from sandbox.faults.impairments import Copies, Filter, lost
from sandbox.faults.outside import book_of, fill, take_away
from sandbox.faults.table import ENDS, Arguments, Fault, FaultError, Switch
from sandbox.markets import digest_id
from sandbox.messages import Answer, HttpRequest, Send
from sandbox.trading.engine import OrderEvent, Placed
from sandbox.trading.ledger import LedgerError
from sandbox.trading.records import Order, Trade
from sandbox.trading.settlement import FAILED, FAILED_THEN_CONFIRMED, RETRIED, STUCK, Fate
from sandbox.trading.wire import order_event
from sandbox.units import MILLISECOND, ONE, SECOND, size_text

if TYPE_CHECKING:
    from sandbox.faults.switchboard import Faults

_FATES: Final = {"retried": RETRIED, "failed": FAILED, "contradictory": FAILED_THEN_CONFIRMED, "stuck": STUCK}
_EXPIRED: Final = "CANCELED_EXPIRED_ORDER"
_FOR_EVER: Final = 1 << 62
_SETTLED_NS: Final = 120 * SECOND
"""Within it nearly every trade has all of its statuses."""


def _resting(arguments: Arguments) -> Order:
    order = arguments.order()
    if order.resting is None:
        raise FaultError(f"expected an order that rests in the book; {order.id} is {order.status}")
    return order


def _disagree(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    order, parts = arguments.order(), faults.parts
    if arguments.choice("how", ("stream_cancelled", "stream_live")) == "stream_live":
        faults.arm(Filter(act=lost, channel="user", holding=order.id, **arguments.ends(seconds=60)))
        return int(parts.venue.cancel(order, "CANCELED", now_ns))
    event = order_event(order, "CANCELLATION", now_ns) | {"status": "CANCELED"}
    return parts.user_channel.send_raw(order.account, wire.encode(event))


def _partial_fills(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    """Fill an order in equal parts until only dust is left."""
    order, venue = _resting(arguments), faults.parts.venue
    count, gap_ns = arguments.whole("parts", 3, high=1_000), arguments.seconds_ns("gap", 0.2)
    size = (order.size - order.matched - arguments.shares("dust", "0.0049")) // count
    if size <= 0:
        raise FaultError(f"expected parts and dust for which {order.id} is large enough")

    def part(due_ns: int) -> None:
        fill(venue, order, size, due_ns)

    for number in range(count):
        faults.parts.schedule.at(now_ns + number * gap_ns, part)
    return count


def _overfill(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    faults.parts.venue.engine.overfill_next = arguments.shares("size", "0.005")
    return 1


def _trade_fate(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    fate, count = _FATES[arguments.choice("fate", tuple(_FATES))], arguments.whole("count", 1, high=10_000)
    pace = arguments.whole("pace", 1, high=1_000)
    fate = Fate(tuple((status, delay_ns // pace) for status, delay_ns in fate.steps))
    faults.parts.venue.engine.settlement.next_fates.extend([fate] * count)
    return count


def _race(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    """Fill an order in the moment in which its trader cancels it: all of it, or half, which is told of later."""
    how = arguments.choice("how", ("matched", "after"))
    venue, late_ns = faults.parts.venue, arguments.seconds_ns("delay", 2)

    def target(request: HttpRequest) -> Order | None:
        try:
            said = msgspec.json.decode(request.body)
        except msgspec.DecodeError:
            return None
        order = venue.engine.orders.get(str(said.get("orderID"))) if isinstance(said, dict) else None
        return order if order is not None and order.resting is not None else None

    def before(request: HttpRequest, at_ns: int) -> None:
        order = target(request)
        if order is None:
            return
        left = order.size - order.matched
        if how == "matched":
            fill(venue, order, left, at_ns)
            return
        matched = size_text(order.matched)

        def told(send: Send, sent_ns: int) -> Copies:
            frame = msgspec.json.decode(send.text)
            if frame.get("type") == "CANCELLATION":
                return ((sent_ns, replace(send, text=wire.encode(frame | {"size_matched": matched}))),)
            if frame["event_type"] == "order":
                frame["status"] = "CANCELED"
            return ((sent_ns + late_ns, replace(send, text=wire.encode(frame))),)

        ends = {"fault": arguments.fault, "until_ns": at_ns + _SETTLED_NS}
        faults.arm(Filter(act=told, channel="user", holding=order.id, **ends))
        fill(venue, order, left // 2, at_ns)

    def cancels(request: HttpRequest) -> bool:
        return target(request) is not None

    return faults.arm(Rule(method="DELETE", path="/order", fits=cancels, before=before, **arguments.ends(1)))


def _zombie(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    """Take an order, hide it from its trader everywhere, then fill it."""
    venue, hidden_ns = faults.parts.venue, arguments.seconds_ns("hidden", 30)
    filling = not arguments.flag("unfilled")
    muted: dict[int, Filter] = {}

    def before(request: HttpRequest, at_ns: int) -> None:
        # Half of what the stream says of an order comes before the answer, from which its id is known here.
        owner = request.headers.get("poly_api_key", "")
        muted[request.call] = Filter(act=lost, channel="user", holding=f'"{owner}"', fault=arguments.fault)
        faults.arm(muted[request.call])

    def hide(order: Order, at_ns: int) -> None:
        until = {"fault": arguments.fault, "until_ns": at_ns + hidden_ns}
        faults.arm(Filter(act=lost, channel="user", holding=order.id, **until))
        faults.arm(Rule(method="GET", path=f"/data/order/{order.id}", change=_not_found, **until))
        faults.arm(Rule(method="GET", path="/data/orders", change=_without(order.id), **until))
        if filling:
            faults.parts.schedule.at(at_ns + hidden_ns + MILLISECOND, lambda due_ns: _fill_open(faults, order, due_ns))

    def change(request: HttpRequest, answer: Answer, at_ns: int) -> Answer:
        faults.end(muted.pop(request.call), at_ns)
        said = msgspec.json.decode(answer.body) if answer.status == 200 else None
        order = venue.engine.orders.get(str(said.get("orderID"))) if isinstance(said, dict) else None
        if order is not None:
            hide(order, at_ns)
        return Answer(answer.status, answer.body, manner="never")

    return faults.arm(Rule(method="POST", path="/order", before=before, change=change, **arguments.ends(1)))


def _fill_open(faults: "Faults", order: Order, now_ns: int) -> None:
    if order.resting is not None:
        fill(faults.parts.venue, order, order.size - order.matched, now_ns)


def _not_found(request: HttpRequest, answer: Answer, now_ns: int) -> Answer:
    return Answer(404, '{"error":"Order not found"}')


def _without(order_id: str) -> Callable[[HttpRequest, Answer, int], Answer]:
    def change(request: HttpRequest, answer: Answer, now_ns: int) -> Answer:
        page = msgspec.json.decode(answer.body)
        if answer.status != 200 or not isinstance(page, dict):
            return answer
        page["data"] = [one for one in page["data"] if one["id"] != order_id]
        return Answer(200, wire.encode(page | {"count": len(page["data"])}), answer.headers)

    return change


def _self_trade(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    return int(faults.parts.venue.cancel(_resting(arguments), "CANCELED", now_ns))


def _expire(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    return int(faults.parts.venue.cancel(arguments.order(), "CANCELED", now_ns, _EXPIRED))


def _delay_orders(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    """Hold what would trade at once for seconds, in which, if so said, the other side leaves."""
    market, engine = arguments.market(), faults.parts.venue.engine
    before, delay_s = market.seconds_delay, arguments.whole("delay", 3)
    leaving = arguments.flag("unmatched")

    def held(order: Order, event: OrderEvent, at_ns: int) -> None:
        if order.market is not market or event != "PLACEMENT" or order.status != "DELAYED":
            return
        if switch not in faults.on:
            return
        faults.spend(switch, at_ns, order=order.id)
        if leaving:
            take_away(faults.parts.venue, market, OPPOSITE[order.book_side], order.book_price, at_ns)

    def undo(_: int) -> None:
        market.seconds_delay = before

    switch = Switch(undo=undo, **arguments.ends())
    market.seconds_delay = delay_s
    return faults.listen(engine.on_order, held, switch)


def _balance_stuck(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    market = arguments.market()
    token_id = market.token_ids[arguments.outcome(market)]
    refused = faults.parts.venue.engine.refuse_balance_for
    refused[token_id] = _FOR_EVER

    def undo(_: int) -> None:
        refused.pop(token_id, None)

    return faults.arm(Switch(undo=undo, **arguments.ends(seconds=60)))


def _fee_in_shares(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    """Take a buyer's fee from the shares that it bought, and give the dollars back."""
    ledger, on_trade = faults.parts.accounts.ledger, faults.parts.venue.engine.on_trade
    account = arguments.account() if arguments.has("account") else None

    def confirmed(trade: Trade, at_ns: int) -> None:
        order = trade.order
        if switch not in faults.on or trade.status != "CONFIRMED" or not trade.fee:
            return
        if order is None or order.side != "BUY" or account not in (None, order.account):
            return
        shares = trade.fee * ONE // trade.price
        if order.wallet.tokens.get(order.token_id, 0) < shares:
            return
        ledger.transfer(order.wallet, ledger.outside, order.token_id, shares, at_ns)
        ledger.pay(ledger.outside, order.wallet, trade.fee)
        faults.spend(switch, at_ns, trade=trade.id, shares=shares)

    switch = Switch(**arguments.ends(1))
    return faults.listen(on_trade, confirmed, switch)


def _move_funds(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    ledger, wallet = faults.parts.accounts.ledger, arguments.wallet()
    how, amount = arguments.choice("how", ("deposit", "withdraw", "receive", "send")), arguments.shares("amount", "10")
    try:
        if how in ("deposit", "withdraw"):
            ledger.deposit(wallet, amount if how == "deposit" else -amount, now_ns)
        else:
            market = arguments.market()
            pair = (ledger.outside, wallet) if how == "receive" else (wallet, ledger.outside)
            ledger.transfer(*pair, market.token_ids[arguments.outcome(market)], amount, now_ns)
    except LedgerError as error:
        raise FaultError(str(error)) from None
    return 1


def _foreign_order(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    """Place an order in an account's name, with an API key that its owner's program does not know."""
    wallet, account, market = arguments.wallet(), arguments.account(), arguments.market()
    side: Any = arguments.choice("side", ("BUY", "SELL"))
    price, size = arguments.price("price", market.tick_text), arguments.shares("size", market.min_order_size_text)
    book_of(market)
    if not market.tick <= price <= ONE - market.tick or not size:
        raise FaultError(f"expected a price from {market.tick_text} on and a size; found {price} and {size}")
    worth = -(-size * price // ONE)
    random = faults.parts.random
    order = Order(
        id=digest_id("foreign", str(random.getrandbits(128))),
        account=account,
        wallet=wallet,
        api_key=str(UUID(int=random.getrandbits(128), version=4)),
        market=market,
        token=arguments.outcome(market),
        side=side,
        price=price,
        size=size,
        making=worth if side == "BUY" else size,
        taking=size if side == "BUY" else worth,
        time_in_force="GTC",
        post_only=False,
        expires_s=0,
        created_ns=now_ns,
    )
    refused: list[str] = []

    def done(placed: Placed, _: int) -> None:
        if placed.error:
            refused.append(placed.error)

    faults.parts.venue.place(order, done, now_ns)
    if refused:
        raise FaultError(f"the venue does not take it: {refused[0]}")
    return 1


def _cancel_all(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    account, venue = arguments.account(), faults.parts.venue
    mine = [order for order in venue.engine.open.values() if order.account is account]
    return sum(venue.cancel(order, "CANCELED", now_ns) for order in mine)


_TOKEN: Final = ("market", "outcome")

ROWS: Final = (
    Fault("disagree", ("F40",), "let the stream say an order is cancelled while REST says it lives, or the reverse",
          ("order", "how", "seconds"), "at once, or seconds 60", _disagree),
    Fault("partial_fills", ("F41",), "fill an order in parts until dust is left", ("order", "parts", "gap", "dust"),
          "at once", _partial_fills),
    Fault("overfill", ("F42",), "fill the next part of a resting order with more than it is", ("size",), "count 1",
          _overfill),
    Fault("trade_fate", ("F43", "F44", "F45"), "let the next trades be retried, fail, fail and then confirm, or hang",
          ("fate", "count", "pace"), "count 1", _trade_fate),
    Fault("race", ("F46",), "fill an order while it is cancelled: `matched` before, or told `after` the cancel",
          ("how", "delay", *ENDS), "count 1", _race),
    Fault("zombie", ("F47",), "take an order, say nothing of it anywhere, and fill it later",
          ("hidden", "unfilled", *ENDS), "count 1", _zombie),
    Fault("self_trade", ("F49",), "cancel an order as the venue does to prevent a self-trade", ("order",), "at once",
          _self_trade),
    Fault("delay_orders", ("F50",), "hold what would trade at once; with `unmatched` the other side leaves meanwhile",
          ("market", "delay", "unmatched", *ENDS), "cleared", _delay_orders),
    Fault("balance_stuck", ("F53",), "believe that nobody has the balance to trade a token", (*_TOKEN, "seconds"),
          "seconds 60", _balance_stuck),
    Fault("fee_in_shares", ("F54",), "take the fee of the next buys from what was bought", ("account", *ENDS),
          "count 1", _fee_in_shares),
    Fault("expire", ("F56",), "let an order expire before its time", ("order",), "at once", _expire),
    Fault("move_funds", ("F59",), "move an account's dollars or tokens without its program",
          ("account", "how", "amount", *_TOKEN), "at once", _move_funds),
    Fault("foreign_order", ("F60",), "place an order in an account's name",
          ("account", *_TOKEN, "side", "price", "size"), "at once", _foreign_order),
    Fault("cancel_all", ("F62",), "cancel all orders of an account without its asking", ("account",), "at once",
          _cancel_all),
)  # fmt: skip
