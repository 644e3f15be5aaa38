"""A signer signs an account's own orders, sign-ins and merges within its limits, and nothing else whoever asks."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.venues.polymarket.contract_calls import Call, merge_calls, redeem_calls
from actors.venues.polymarket.keys import SigningKey, signed_by
from actors.venues.polymarket.orders import Account, SignatureType, UnsignedOrder
from actors.venues.polymarket.remote_signer import Question
from actors.venues.polymarket.signables import Signable, SignBatch, SignIn, SignOrder, SignSafeCalls
from actors.venues.polymarket.signing import DigestSigner
from actors.venues.polymarket.typed_data import EXCHANGES
from actors.venues.polymarket.wallet_batches import submission
from actors.venues.secret import Secret
from bin.signer_policy import Policy, Refused
from config.run import SignerParameters
from models.markets import Market, Side
from models.messages.operations import Batch
from models.units import DOLLAR, SHARE

pytestmark = pytest.mark.proves("I43")

KEY = SigningKey(Secret("42".zfill(64)))
WALLET = "0x1111111111111111111111111111111111111111"
STRANGER = "0x2222222222222222222222222222222222222222"
NOW_NS = 1_795_000_000_000_000_000
NOW_S = NOW_NS // 1_000_000_000
LIMITS = SignerParameters(order_usd=100 * DOLLAR, day_usd=250 * DOLLAR, second_max=5, price_step=100)
ORDER = UnsignedOrder("1234", False, Side.BUY, 24 * DOLLAR, 50 * SHARE, 7, NOW_NS // 1_000_000)
MARKET = Market("0x" + "5c" * 32, "slug", ("11", "22"), condition_id="0x" + "5c" * 32)

ADAPTER = merge_calls(MARKET, SHARE)[0].target


class Spy:
    """A key that keeps what it was asked to sign."""

    address = KEY.address

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, Signable]] = []

    def sign(self, digest: bytes, what: Signable) -> bytes:
        self.asked.append((digest, what))
        return KEY.sign(digest)

    def trouble(self) -> str:
        return ""


def account(kind: SignatureType = SignatureType.DEPOSIT_WALLET, key: Any = KEY) -> Account:
    return Account(key, 137, kind, KEY.address if kind is SignatureType.ACCOUNT else WALLET)


def asked(order: UnsignedOrder = ORDER, generation: int = 2, **changed: Any) -> SignOrder:
    """Return what an engine asks for to have an order signed."""
    spy = Spy()
    DigestSigner(generation, account(key=spy)).sign(order)
    what = spy.asked[0][1]
    assert isinstance(what, SignOrder)
    return replace(what, **changed)


def digest(what: Signable, policy: Policy | None = None, now_ns: int = NOW_NS) -> bytes:
    return (policy or Policy(account(), LIMITS)).digest(what, now_ns)


@pytest.mark.parametrize("kind", SignatureType)
@pytest.mark.parametrize("generation", [2, 3])
def test_what_the_engine_would_have_signed_is_what_is_signed(kind: SignatureType, generation: int) -> None:
    spy = Spy()
    DigestSigner(generation, account(kind, spy)).sign(replace(ORDER, neg_risk=True))
    ((wanted, what),) = spy.asked
    assert digest(what, Policy(account(kind), LIMITS)) == wanted


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (asked(chain_id=80_002), "the chain is 137"),
        (replace(asked(), generation=3), "is not the exchange"),
        (replace(asked(), generation=1, contract=EXCHANGES[137, 1][0]), "generation 1"),
        (asked(contract=STRANGER), "is not the exchange"),
        (asked(contract=EXCHANGES[137, 2][1]), "is not the exchange"),
        (asked(maker=STRANGER), "not of 0x1111"),
        (asked(signer=KEY.address), "not of 0x1111"),
        (asked(signature_type=SignatureType.SAFE), "not of 0x1111"),
        (asked(replace(ORDER, builder="0x" + "01" * 32)), "have to be empty"),
        (asked(replace(ORDER, metadata="0x" + "01" * 32)), "have to be empty"),
        (replace(asked(), order=replace(ORDER, token_id="1_0")), "not a number"),
        (replace(asked(), order=replace(ORDER, token_id=str(1 << 256))), "not a number"),
        (replace(asked(), order=replace(ORDER, salt=-1)), "salt"),
        (replace(asked(), order=replace(ORDER, making=0)), "more than 0"),
        (asked(replace(ORDER, making=101 * DOLLAR, taking=202 * SHARE)), "gives 101"),
        (asked(replace(ORDER, side=Side.SELL, making=101 * SHARE, taking=50_500_000)), "gives 101"),
        (asked(replace(ORDER, side=Side.SELL, making=50 * SHARE, taking=10_000)), "too near"),
        (asked(replace(ORDER, making=50 * DOLLAR)), "too near"),
        (asked(replace(ORDER, making=24_100_000)), "at no price of the grid"),
        (asked(replace(ORDER, timestamp_ms=ORDER.timestamp_ms + 901_000)), "from now"),
        (asked(replace(ORDER, timestamp_ms=ORDER.timestamp_ms - 901_000)), "from now"),
        (SignIn(137, STRANGER, NOW_S, 0), "the account is"),
        (SignIn(137, KEY.address, NOW_S + 901, 0), "from now"),
        (SignIn(137, KEY.address, NOW_S, 1), "nonce"),
        (SignIn(1, KEY.address, NOW_S, 0), "the chain"),
        (SignBatch(137, WALLET, Batch(1, NOW_S + 901), merge_calls(MARKET, SHARE)), "deadline"),
        (SignBatch(137, WALLET, Batch(1, None), merge_calls(MARKET, SHARE)), "deadline"),
        (SignBatch(137, STRANGER, Batch(1, NOW_S), merge_calls(MARKET, SHARE)), "the wallet is"),
        (SignBatch(137, WALLET, Batch(1, NOW_S), (Call(STRANGER, b"\xa9\x05\x9c\xbb" + bytes(64)),)), "only pairs"),
        (SignBatch(137, WALLET, Batch(1, NOW_S), (Call(ADAPTER, bytes(64)),)), "only pairs"),
        (SignBatch(137, WALLET, Batch(-1, NOW_S), merge_calls(MARKET, SHARE)), "nonce"),
        (SignBatch(137, WALLET, Batch(1, NOW_S), ()), "0 calls"),
        (SignSafeCalls(137, WALLET, 1, merge_calls(MARKET, SHARE)), "of type 3"),
    ],
)  # fmt: skip
def test_what_is_not_the_accounts_own_within_its_limits_is_refused(what: Signable, says: str) -> None:
    policy = Policy(account(), LIMITS)
    with pytest.raises(Refused, match=says):
        digest(what, policy)
    assert policy.spent == 0


def test_merges_redemptions_and_sign_ins_are_signed_for_both_kinds_of_wallets() -> None:
    for kind in (SignatureType.DEPOSIT_WALLET, SignatureType.SAFE):
        for calls in (merge_calls(MARKET, SHARE), redeem_calls(MARKET, SHARE, SHARE)):
            spy = Spy()
            submission(account(kind, spy), Batch(3, NOW_S + 600), calls, "op")
            ((wanted, what),) = spy.asked
            assert digest(what, Policy(account(kind), LIMITS)) == wanted
    assert digest(SignIn(137, KEY.address, NOW_S, 0))


def test_a_buy_that_is_told_in_dollars_is_on_the_grid_though_its_shares_are_rounded() -> None:
    assert digest(asked(replace(ORDER, making=10 * DOLLAR, taking=10 * DOLLAR * 100 // 29 // 100 * 100)))


def test_the_orders_of_a_day_may_give_so_much_and_the_next_day_again() -> None:
    policy = Policy(account(), LIMITS, day=NOW_S // 86_400, spent=200 * DOLLAR)
    digest(asked(), policy)
    digest(asked(), policy)
    assert policy.spent == 224 * DOLLAR, "the same order again is the same order"
    digest(asked(replace(ORDER, salt=8)), policy)
    with pytest.raises(Refused, match="have given 248"):
        digest(asked(replace(ORDER, salt=9)), policy)
    later = replace(ORDER, salt=9, timestamp_ms=ORDER.timestamp_ms + 86_400_000)
    digest(asked(later), policy, NOW_NS + 86_400_000_000_000)
    assert policy.spent == 24 * DOLLAR


def test_no_more_requests_are_looked_at_than_a_second_may_have() -> None:
    policy = Policy(account(), LIMITS)
    for _ in range(5):
        policy.admit(NOW_NS)
    with pytest.raises(Refused, match="more than 5 requests"):
        policy.admit(NOW_NS + 999_999_999)
    policy.admit(NOW_NS + 1_000_000_000)


@given(st.data())
def test_whatever_is_asked_for_only_our_own_is_signed(data: st.DataObject) -> None:
    """Fields are exchanged for others at random: what comes through is still an order of ours within the limits."""
    number = st.one_of(st.integers(-2, 2), st.integers(0, 1 << 63), st.just(50_000_000), st.just(25_000_000))
    text = st.sampled_from(["", "0", "1234", "-1", WALLET, STRANGER, KEY.address, *EXCHANGES[137, 2], "0x" + "00" * 32])
    order, what = msgspec.to_builtins(ORDER), msgspec.to_builtins(asked())
    for said in (order, what):
        for name in data.draw(st.sets(st.sampled_from(sorted(said)), max_size=3)):
            said[name] = data.draw(st.one_of(number, text, st.booleans()))
    what["order"] = order
    try:
        question = msgspec.convert(what, Question)
        signed = digest(question, Policy(account(), LIMITS))  # pyright: ignore[reportArgumentType]
    except (msgspec.ValidationError, Refused):
        return
    assert isinstance(question, SignOrder)
    assert (question.maker, question.signer, question.chain_id) == (WALLET, WALLET, 137)
    assert question.contract in EXCHANGES[137, question.generation]
    assert 0 < question.order.making <= 100 * DOLLAR
    assert signed_by(signed, KEY.sign(signed)) == KEY.address
