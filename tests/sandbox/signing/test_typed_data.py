"""Ids of orders against the published vectors, and what they depend on."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from sandbox.signing.keys import PrivateKey
from sandbox.signing.orders import sign_order
from sandbox.signing.typed_data import (
    AMOY,
    EXCHANGES,
    ORDER_TYPE,
    POLYGON,
    Domain,
    Order,
    domain_separator,
    exchange_domain,
    order_hash,
)

EOA = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
WALLET = "0x1111111111111111111111111111111111111111"
TOKEN = 71321045679252212594626385532706912750332728571942532289631379312455583992563
POSITION = 663574927012476832975694178961957910328055987427402067619466963999000625152
BUY, SELL = 0, 1

NORMAL_2 = exchange_domain(2, POLYGON, neg_risk=False)
NEG_RISK_2 = exchange_domain(2, POLYGON, neg_risk=True)
ORDER_1 = Order(479249096354, EOA, EOA, 1234, 100_000_000, 50_000_000, BUY, 0, fee_rate_bps=100)
ORDER_2 = Order(123456789, EOA, EOA, TOKEN, 100_000_000, 50_000_000, BUY, 0, timestamp_ms=1713398400000)
SALE_2 = replace(ORDER_2, salt=987654321, maker_amount=50_000_000, taker_amount=100_000_000, side=SELL)


@pytest.mark.parametrize(
    "domain, order, expected",
    [
        pytest.param(
            exchange_domain(1, AMOY, neg_risk=False),
            ORDER_1,
            "0x02ca1d1aa31103804173ad1acd70066cb6c1258a4be6dada055111f9a7ea4e55",
            id="generation 1",
        ),
        pytest.param(
            exchange_domain(1, AMOY, neg_risk=True),
            ORDER_1,
            "0xf15790d3edc4b5aed427b0b543a9206fcf4b1a13dfed016d33bfb313076263b8",
            id="generation 1, neg-risk",
        ),
        pytest.param(
            NORMAL_2,
            ORDER_2,
            "0x32961c48ddac87ed3582f8e02097cd0eff4fcf80460306bd44b3710438dfa64c",
            id="generation 2",
        ),
        pytest.param(
            NEG_RISK_2,
            SALE_2,
            "0x8b878404bd92dea2bfea9975c9fcd816ec70a57ae431cb20d67bb773744aaef3",
            id="generation 2, neg-risk, a sale",
        ),
        pytest.param(
            NORMAL_2,
            replace(ORDER_2, salt=1, timestamp_ms=1713398500000, builder="0x" + "00" * 31 + "01"),
            "0x3df0b6f6ddfca837bc36964cae968b34ad35640b5d98f557c104da97e804e36a",
            id="a builder",
        ),
        pytest.param(
            NORMAL_2,
            replace(ORDER_2, salt=111111111, signature_type=1),
            "0x8f88fe2fb3448f4b8ba639992029f0a47a01a14d15b5f2bf9833516571efd279",
            id="type 1",
        ),
        pytest.param(
            NEG_RISK_2,
            replace(SALE_2, salt=222222222, signature_type=2),
            "0xb34248702810a1d76580234a33f942a9801c3680de54cb3ef104572a8d482190",
            id="type 2",
        ),
        pytest.param(
            NORMAL_2,
            replace(ORDER_2, salt=333333333, maker=WALLET, signer=WALLET, signature_type=3),
            "0x48cfd4c03dcee72230750e2dc5ea71048e91244c2a9fec2ed6ef790a74869596",
            id="type 3",
        ),
        pytest.param(
            exchange_domain(2, AMOY, neg_risk=False),
            Order(479249096354, WALLET, WALLET, 1234, 100_000_000, 50_000_000, BUY, 3, timestamp_ms=1710000000000),
            "0x2afca94626db91b2d556c351584a4cd93e13da32e377dc48c7983e43afa5ab47",
            id="type 3 on the test chain",
        ),
        pytest.param(
            exchange_domain(3, POLYGON, neg_risk=False),
            replace(ORDER_2, token_id=POSITION, maker_amount=52_000_000, taker_amount=100_000_000),
            "0x9a12f717290823e7493830d6bfe8961f956584c0385a8101b4f4f5acd3a016d6",
            id="generation 3",
        ),
    ],
)
def test_an_order_has_its_published_id(domain: Domain, order: Order, expected: str) -> None:
    assert order_hash(domain, order) == expected


@pytest.mark.parametrize(
    "domain, order, expected",
    [
        (
            exchange_domain(1, AMOY, neg_risk=False),
            ORDER_1,
            (
                "0x302cd9abd0b5fcaa202a344437ec0b6660da984e24ae9ad915a592a90facf5a5"
                "1bb8a873cd8d270f070217fea1986531d5eec66f1162a81f66e026db653bf7ce1c"
            ),
        ),
        (
            exchange_domain(1, AMOY, neg_risk=True),
            ORDER_1,
            (
                "0x1b3646ef347e5bd144c65bd3357ba19c12c12abaeedae733cf8579bc51a2752c"
                "0454c3bc6b236957e393637982c769b8dc0706c0f5c399983d933850afd1cbcd1c"
            ),
        ),
        (
            NORMAL_2,
            ORDER_2,
            (
                "0x89f178136333c8ebb32a19146cb891233e3202d474be6ef730c24dbc06ae4d2a"
                "0c99948a86d9b57de0f2c0bb8ec6964aa244ecf17cfa3a95b86878d0b64ad78a1b"
            ),
        ),
        (
            NEG_RISK_2,
            SALE_2,
            (
                "0xf7d60d64364e2615b08d9f69f3ea9afd3b4f83ecfbf05ddd3ca83f4916277fb9"
                "7d2d080758d17c8e91c928aceb8ff252477ebaec051b672832500f63b4d36b061c"
            ),
        ),
    ],
)
def test_an_order_has_its_published_signature(key: PrivateKey, domain: Domain, order: Order, expected: str) -> None:
    assert sign_order(key, domain, order) == expected


def test_the_text_of_the_order_type_has_the_length_that_wallets_expect() -> None:
    assert len(ORDER_TYPE) == 186


def test_generation_3_has_one_exchange_for_every_market() -> None:
    for chain_id in EXCHANGES:
        assert exchange_domain(3, chain_id, neg_risk=True) == exchange_domain(3, chain_id, neg_risk=False)


def test_no_two_domains_share_a_separator() -> None:
    domains = {Domain(pair[0], chain, to) for chain, pairs in EXCHANGES.items() for pair, to in pairs.items()}
    assert len(domains) == 10
    assert len({domain_separator(domain) for domain in domains}) == 10


def test_a_chain_without_an_exchange_is_an_error() -> None:
    with pytest.raises(KeyError):
        exchange_domain(2, 1, neg_risk=False)


CHANGES_2: list[Callable[[Order], Order]] = [
    lambda order: replace(order, salt=order.salt + 1),
    lambda order: replace(order, maker=WALLET),
    lambda order: replace(order, signer=WALLET),
    lambda order: replace(order, token_id=order.token_id + 1),
    lambda order: replace(order, maker_amount=order.maker_amount + 1),
    lambda order: replace(order, taker_amount=order.taker_amount + 1),
    lambda order: replace(order, side=SELL),
    lambda order: replace(order, signature_type=1),
    lambda order: replace(order, timestamp_ms=order.timestamp_ms + 1),
    lambda order: replace(order, metadata="0x" + "00" * 31 + "01"),
    lambda order: replace(order, builder="0x" + "00" * 31 + "01"),
]
ONLY_1: list[Callable[[Order], Order]] = [
    lambda order: replace(order, taker=WALLET),
    lambda order: replace(order, expiration=1),
    lambda order: replace(order, nonce=1),
    lambda order: replace(order, fee_rate_bps=1),
]


@pytest.mark.parametrize("generation", [2, 3])
def test_each_signed_field_changes_the_id(generation: int) -> None:
    domain = exchange_domain(generation, POLYGON, neg_risk=False)
    ids = {order_hash(domain, ORDER_2), *(order_hash(domain, change(ORDER_2)) for change in CHANGES_2)}
    assert len(ids) == 12
    assert {order_hash(domain, change(ORDER_2)) for change in ONLY_1} == {order_hash(domain, ORDER_2)}


def test_each_signed_field_of_generation_1_changes_the_id() -> None:
    domain = exchange_domain(1, POLYGON, neg_risk=False)
    ids = {order_hash(domain, ORDER_2), *(order_hash(domain, change(ORDER_2)) for change in CHANGES_2[:8] + ONLY_1)}
    assert len(ids) == 13
    assert {order_hash(domain, change(ORDER_2)) for change in CHANGES_2[8:]} == {order_hash(domain, ORDER_2)}


def test_the_case_of_an_address_does_not_change_the_id() -> None:
    assert order_hash(NORMAL_2, replace(ORDER_2, maker=EOA.lower())) == order_hash(NORMAL_2, ORDER_2)


@pytest.mark.parametrize(
    "order",
    [
        replace(ORDER_2, salt=-1),
        replace(ORDER_2, token_id=2**256),
        replace(ORDER_2, side=256),
        replace(ORDER_2, signature_type=-1),
        replace(ORDER_2, maker="0x1234"),
        replace(ORDER_2, builder="0x"),
    ],
)
def test_what_does_not_fit_its_field_has_no_id(order: Order) -> None:
    with pytest.raises(ValueError, match=r"bits|hexadecimal"):
        order_hash(NORMAL_2, order)
