"""A node of the chain: what it shows of wallets, and what accounts send by it themselves."""

import json
from typing import Any

import pytest

from sandbox.messages import HttpRequest
from sandbox.signing.abi import call_data, decode
from sandbox.signing.contracts import (
    COLLATERAL,
    COLLATERAL_ADAPTER,
    CONDITIONAL_TOKENS,
    NEG_RISK_ADAPTER,
    POSITION_MANAGER,
    ROUTER,
)
from sandbox.signing.raw import sign_raw
from sandbox.trading.mempool import GAS, GAS_PRICE
from sandbox.units import ONE, SECOND
from tests.sandbox.holder import POLYGON, merge, redeem, split
from tests.sandbox.house import CASH, MICRO, House

MINED_S = 6
STRANGER = "0x" + "11" * 20


class Node:
    """A client of the node."""

    def __init__(self, house: House) -> None:
        self.house = house

    def post(self, body: Any) -> Any:
        """Send a body as it is."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.house.rpc.answer(HttpRequest("rpc", "POST", "/", {}, raw), self.house.now_ns)
        assert answer is not None
        assert answer.status == 200
        return json.loads(answer.body)

    def ask(self, method: str, *params: Any) -> Any:
        """The result of a call."""
        said = self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
        assert said["id"] == 1
        return said["result"]

    def error(self, method: str, *params: Any) -> tuple[int, str]:
        """Why a call fails."""
        said = self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})["error"]
        return said["code"], said["message"]

    def view(self, contract: str, signature: str, gives: str, *values: Any) -> Any:
        """What a contract shows."""
        call = {"to": contract, "data": "0x" + call_data(signature, *values).hex()}
        return decode((gives,), bytes.fromhex(self.ask("eth_call", call, "latest")[2:]))[0]


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def node(house):
    return Node(house)


@pytest.fixture
def trader(house):
    return house.trader()


def raw(trader, call, nonce, *, gas_price=GAS_PRICE, gas=GAS, chain_id=POLYGON):
    return "0x" + sign_raw(trader.key, chain_id, nonce, gas_price, gas, call).hex()


def sent(house, node, trader, call, **changed):
    """Send a call and wait until it is in a block; gives its receipt's status."""
    nonce = int(node.ask("eth_getTransactionCount", trader.key.address, "pending"), 16)
    name = node.ask("eth_sendRawTransaction", raw(trader, call, nonce, **changed))
    assert node.ask("eth_getTransactionReceipt", name) is None
    house.advance(MINED_S)
    receipt = node.ask("eth_getTransactionReceipt", name)
    assert receipt["transactionHash"] == name
    return receipt["status"]


def holdings(trader, market):
    return [trader.wallet.cash, *(trader.wallet.tokens.get(token, 0) for token in market.token_ids)]


def test_it_is_a_node_of_polygon_and_keeps_the_exchanges_time(house, node):
    assert int(node.ask("eth_chainId"), 16) == POLYGON
    assert int(node.ask("eth_gasPrice"), 16) == GAS_PRICE
    block = node.ask("eth_getBlockByNumber", "latest", False)
    assert int(block["timestamp"], 16) == house.now_ns // SECOND
    house.advance(4)
    assert int(node.ask("eth_blockNumber"), 16) == int(block["number"], 16) + 2


def test_it_shows_what_a_wallet_holds_and_allows(house, node, trader):
    market, wallet = house.market(), trader.wallet
    house.accounts.ledger.split(wallet, market, 3 * MICRO, house.now_ns)
    yes, no = (int(token) for token in market.token_ids)
    owner = wallet.address
    assert node.view(COLLATERAL, "balanceOf(address)", "uint256", owner) == (CASH - 3) * MICRO
    for contract in (CONDITIONAL_TOKENS, NEG_RISK_ADAPTER, POSITION_MANAGER):
        assert node.view(contract, "balanceOf(address,uint256)", "uint256", owner, yes) == 3 * MICRO
        both = node.view(contract, "balanceOfBatch(address[],uint256[])", "uint256[]", (owner, STRANGER), (no, no))
        assert both == (3 * MICRO, 0)
    allowance, approval = "allowance(address,address)", "isApprovedForAll(address,address)"
    assert node.view(COLLATERAL, allowance, "uint256", owner, ROUTER) == 2**256 - 1
    assert node.view(COLLATERAL, allowance, "uint256", owner, STRANGER) == 0
    assert node.view(CONDITIONAL_TOKENS, approval, "bool", owner, COLLATERAL_ADAPTER) is True
    assert node.view(CONDITIONAL_TOKENS, approval, "bool", STRANGER, COLLATERAL_ADAPTER) is False


def test_several_requests_are_answered_together(node):
    asked = [{"jsonrpc": "2.0", "id": number, "method": method} for number, method in enumerate(("eth_chainId", "x"))]
    first, second = node.post(asked)
    assert (first["id"], first["result"]) == (0, hex(POLYGON))
    assert (second["id"], second["error"]["code"]) == (1, -32_601)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"1", b"[1]", b'{"method": 1}', b"{}", b'{"method": "eth_call", "params": {}}', b"[" * 5_000]
)
def test_what_is_no_request_is_an_error(node, body):
    assert node.post(body)["error"]["message"]


@pytest.mark.parametrize("method", ["eth_call", "eth_estimateGas", "eth_sendRawTransaction"])
@pytest.mark.parametrize("params", [[], [None], [{}], [{"to": STRANGER}], [{"to": "0x1"}], ["0x"], ["x"], ["0x12"]])
def test_calls_that_say_nothing_are_errors(node, method, params):
    code, message = node.error(method, *params)
    assert code < 4
    assert message


def test_views_that_are_cut_short_or_do_not_match_revert(node):
    for data in (
        call_data("balanceOf(address)", STRANGER)[:-1],
        call_data("balanceOfBatch(address[],uint256[])", (STRANGER,), ()),
        call_data("unknown()"),
    ):
        for contract in (COLLATERAL, CONDITIONAL_TOKENS):
            code, message = node.error("eth_call", {"to": contract, "data": "0x" + data.hex()}, "latest")
            assert (code, message[:18]) == (3, "execution reverted")


class TestSending:
    """An account acts from its own address."""

    @pytest.mark.parametrize("neg_risk", [False, True])
    def test_it_splits_merges_and_redeems(self, house, node, trader, neg_risk):
        market = house.market(neg_risk=neg_risk)
        assert sent(house, node, trader, split(market, 10 * MICRO)) == "0x1"
        assert holdings(trader, market) == [(CASH - 10) * MICRO, 10 * MICRO, 10 * MICRO]
        assert sent(house, node, trader, merge(market, 4 * MICRO)) == "0x1"
        house.venue.resolve(market, (ONE, 0), house.now_ns)
        assert sent(house, node, trader, *redeem(market)) == "0x1"
        assert holdings(trader, market) == [CASH * MICRO, 0, 0]
        assert node.ask("eth_getTransactionCount", trader.key.address, "latest") == "0x3"

    def test_what_reverts_does_nothing_and_uses_its_nonce_up(self, house, node, trader):
        market = house.market()
        assert sent(house, node, trader, merge(market, MICRO)) == "0x0"
        assert sent(house, node, trader, split(market, MICRO), gas=GAS - 1) == "0x0"
        assert holdings(trader, market) == [CASH * MICRO, 0, 0]
        assert node.ask("eth_getTransactionCount", trader.key.address, "latest") == "0x2"
        states = [(line["nonce"], line["state"]) for line in house.logged("transaction")]
        assert states == [(0, "pending"), (0, "reverted"), (1, "pending"), (1, "reverted")]

    def test_several_are_mined_in_the_order_of_their_nonces(self, house, node, trader):
        market, other = house.market("rain"), house.market("snow")
        for nonce, call in enumerate((split(market, MICRO), merge(market, MICRO), split(other, MICRO))):
            node.ask("eth_sendRawTransaction", raw(trader, call, nonce))
        assert node.ask("eth_getTransactionCount", trader.key.address, "pending") == "0x3"
        assert node.ask("eth_getTransactionCount", trader.key.address, "latest") == "0x0"
        house.advance(MINED_S)
        lines = [(line["nonce"], line["state"]) for line in house.logged("transaction")]
        assert lines[3:] == [(0, "mined"), (1, "mined"), (2, "mined")]

    def test_a_nonce_counts_once(self, house, node, trader):
        market = house.market()
        first = raw(trader, split(market, MICRO), 0)
        assert node.error("eth_sendRawTransaction", raw(trader, split(market, MICRO), 1))[1] == "nonce too high"
        node.ask("eth_sendRawTransaction", first)
        assert node.error("eth_sendRawTransaction", first) == (-32_000, "already known")
        other = raw(trader, split(market, 2 * MICRO), 0)
        assert node.error("eth_sendRawTransaction", other)[1] == "replacement transaction underpriced"
        house.advance(MINED_S)
        assert node.error("eth_sendRawTransaction", other)[1] == "nonce too low"
        assert trader.wallet.cash == (CASH - 1) * MICRO

    def test_what_a_node_does_not_take(self, house, node, trader):
        call = split(house.market(), MICRO)
        cheap, foreign = raw(trader, call, 0, gas_price=GAS_PRICE - 1), raw(trader, call, 0, chain_id=1)
        assert node.error("eth_sendRawTransaction", cheap)[1] == "transaction underpriced"
        assert node.error("eth_sendRawTransaction", foreign)[1] == "invalid chain id for signer"
        stranger = house.trader("stranger", 3)
        assert "insufficient funds" in node.error("eth_sendRawTransaction", raw(stranger, call, 0))[1]
        assert not list(house.logged("transaction"))

    def test_gas_is_estimated_for_what_would_go_through(self, house, node, trader):
        market = house.market()

        def said(call):
            return {"from": trader.key.address, "to": call.target, "value": "0x0", "data": "0x" + call.data.hex()}

        assert int(node.ask("eth_estimateGas", said(split(market, MICRO))), 16) == GAS
        code, message = node.error("eth_estimateGas", said(merge(market, MICRO)))
        assert (code, message[:18]) == (3, "execution reverted")
        assert holdings(trader, market) == [CASH * MICRO, 0, 0]
