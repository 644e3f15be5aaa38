"""One-shot orders: alone in their market, whole as bundles, and not twice in a moment."""

from models.markets import NO, YES, Outcome, Side
from models.messages.base import Message
from models.messages.orders import OrderChanged, PlaceBundle, PlaceOrder
from models.orders import OrderState, TimeInForce
from models.own_orders import OwnOrders
from models.strategy import Bundle, Quote, Take, Targets
from models.takes import Takes, alone
from models.units import ONE, SHARE
from tests.models.coordination import MS, M, N, book, orders, seen

VIEWS = {name: seen(book(name=name, epoch=7)) for name in (M, N)}
COOLDOWN_MS = 1_000


def take(name: str = M, outcome: Outcome = YES) -> Take:
    return Take(name, outcome, Side.BUY, 5_200, 10 * SHARE, "cheap", TimeInForce.FOK)


def quote(name: str = M, outcome: Outcome = NO) -> Quote:
    return Quote(name, outcome, Side.BUY, 4_700, 5 * SHARE, "provide")


class Desk:
    def __init__(self) -> None:
        self.own = OwnOrders("tag", 2_000)
        self.takes = Takes("tag", "group", self.own, COOLDOWN_MS)
        self.now_ns = 10**15

    def send(self, *takes: Take, bundles: tuple[Bundle, ...] = ()) -> list[Message]:
        return self.takes.send(Targets(takes=takes, bundles=bundles), VIEWS, self.now_ns)

    def end(self, order: PlaceOrder, state: OrderState = OrderState.CANCELLED) -> None:
        changed = OrderChanged(
            "id", order.intent, "tag", order.market, order.outcome, order.side, order.price, order.size, 0, state, "",
            self.now_ns, order.post_only,
        )  # fmt: skip
        self.own.order_changed(changed, self.now_ns)


def test_a_take_is_sent_at_its_limit_to_take_or_die() -> None:
    (sent,) = Desk().send(take())
    assert isinstance(sent, PlaceOrder)
    assert (sent.price, sent.size, sent.post_only, sent.time_in_force) == (5_200, 10 * SHARE, False, TimeInForce.FOK)
    assert (sent.epoch, sent.reason, sent.bundle) == (7, "cheap", None)


def test_a_take_waits_for_whatever_of_the_desk_is_in_its_market() -> None:
    desk = Desk()
    resting = desk.own.ask((M, NO, Side.BUY), 4_700, 5 * SHARE, "provide", 1, desk.now_ns)
    assert desk.send(take()) == []
    assert desk.takes.wake_ns is None, "an order event will tell, no clock"
    desk.end(resting)
    assert len(desk.send(take())) == 1


def test_a_take_in_one_market_does_not_wait_for_another() -> None:
    desk = Desk()
    desk.own.ask((N, NO, Side.BUY), 4_700, 5 * SHARE, "provide", 1, desk.now_ns)
    assert len(desk.send(take(M))) == 1


def test_a_take_goes_again_after_its_cooldown_and_a_refused_one_after_its_own() -> None:
    desk = Desk()
    (first,) = orders(desk.send(take()))
    desk.end(first)
    assert desk.send(take()) == []
    assert desk.takes.wake_ns == desk.now_ns + COOLDOWN_MS * MS
    desk.now_ns += COOLDOWN_MS * MS
    (second,) = orders(desk.send(take()))
    desk.end(second, OrderState.REJECTED)
    desk.now_ns += COOLDOWN_MS * MS
    assert desk.send(take()) == []
    desk.now_ns += 1_000 * MS
    assert len(desk.send(take())) == 1


def test_nothing_wanted_leaves_no_deadline_behind() -> None:
    desk = Desk()
    (first,) = orders(desk.send(take()))
    desk.end(first)
    desk.send(take())
    desk.send()
    assert desk.takes.wake_ns is None


def test_a_bundle_goes_whole_with_one_name_or_not_at_all() -> None:
    desk = Desk()
    bundle = Bundle((take(M), take(N)), ONE, "set")
    resting = desk.own.ask((N, NO, Side.BUY), 4_700, 5 * SHARE, "provide", 1, desk.now_ns)
    assert desk.send(bundles=(bundle,)) == []
    desk.end(resting)
    (sent,) = desk.send(bundles=(bundle,))
    assert isinstance(sent, PlaceBundle)
    assert sent.payout == ONE
    assert {leg.bundle for leg in sent.legs} == {sent.bundle}
    assert len({leg.intent for leg in sent.legs}) == 2


def test_quotes_give_way_in_the_market_of_a_take_only() -> None:
    wanted = Targets((quote(M), quote(N)), takes=(take(M),), reason="both")
    given = alone(wanted)
    assert given.quotes == (quote(N),)
    assert [(skip.market, skip.outcome, skip.reason) for skip in given.withheld] == [(M, NO, "cheap")]
    bundled = alone(Targets((quote(N),), bundles=(Bundle((take(M), take(N)), ONE, "set"),)))
    assert bundled.quotes == ()


def test_targets_without_takes_stay_the_same_object() -> None:
    wanted = Targets((quote(),))
    assert alone(wanted) is wanted
