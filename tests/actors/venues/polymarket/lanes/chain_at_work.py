"""The lane of operations of a deposit wallet against a whole local venue, and a hand in the executor's place."""

import json
from typing import Any

from msgspec.structs import replace

from actors.gate import Gate
from actors.runtime.actor import Context
from actors.venues.http_client import HttpClient
from actors.venues.polymarket.clob_client import ClobClient
from actors.venues.polymarket.clob_session import ClobSession
from actors.venues.polymarket.contract_calls import merge_calls
from actors.venues.polymarket.lanes.operations import OperationsLane, Paces
from actors.venues.polymarket.relayer import OwnKey, RelayerClient, RelayerKey
from actors.venues.polymarket.wallet_batches import submission
from actors.venues.secret import Secret
from models.markets import YES, Market
from models.messages.operations import Batch, OperationSigned, RedemptionReported, SubmitRedemption
from models.messages.orders import MergeReported, SubmitMerge
from models.units import ONE, SHARE, Size
from tests.actors.runtime.worlds import RealWorld
from tests.actors.venues.polymarket.local_venue import CLOCK, Trader, market_of

LANE = "lane/operations"
PACES = Paces(poll_ms=50, look_ms=20)


class Chain:
    """Starts the lane of an account; each operation gets leave as soon as it is asked for, unless `leave` is false."""

    def __init__(self, venue: dict[str, Any], account: dict[str, Any], gate: Gate) -> None:
        self.venue = venue
        self.said = account
        self.gate = gate
        self.trader = Trader(venue, account, gate)
        self.markets = {told["condition_id"]: _market(told) for told in venue["markets"]}
        self.world = RealWorld("threads")
        self.told: list[Any] = self.world.record("executor")
        self.key: RelayerKey | None = OwnKey(Secret(account["relayer_api_key"]["key"]), account["address"])
        self._numbers = iter(range(1, 1_000))

    def start(self) -> None:
        session = ClobSession(
            HttpClient(self.venue["clob_url"]), self.trader.account, CLOCK, self.trader.credentials, within_s=4
        )
        client = ClobClient(session)
        client.learn_time()
        self.relayer = self._relayer(session.clock_offset_s)
        context = Context(LANE, self.world.threads, "nobody")
        OperationsLane.start(
            context,
            client,
            lambda _: ("executor",),
            self.relayer,
            lambda: self.markets,
            self.gate,
            "no key is given",
            PACES,
        )

    def stop(self) -> None:
        self.world.directory.stop(LANE)
        self.until(lambda: self.world.directory.find(LANE) is None)

    def close(self) -> None:
        self.trader.client.close()
        self.world.close()

    # What the executor would say

    def merge(self, market: Market, size: Size) -> SubmitMerge:
        """Ask for a merge, and give leave to what it is signed as."""
        asked = SubmitMerge(f"merge/desk/{market.id}/{next(self._numbers)}", market.id, size)
        self.send(asked)
        return self.leave(asked)

    def redeem(self, market: Market, payout_yes: int = ONE, *, leave: bool = True) -> SubmitRedemption:
        asked = SubmitRedemption(f"redeem/{market.id}/{next(self._numbers)}", market.id, payout_yes)
        self.send(asked)
        return self.leave(asked) if leave else asked

    def leave(self, asked: Any) -> Any:
        """Wait until leave is asked for, and give it."""
        signed = self.answer(OperationSigned)
        assert signed.operation == asked.operation
        granted = replace(asked, batch=signed.batch)
        self.send(granted)
        return granted

    def send(self, message: Any) -> None:
        assert self.world.directory.send(LANE, message)

    def ended(self) -> tuple[str, str]:
        """How an operation ended, and why."""
        report = self.answer(MergeReported, RedemptionReported)
        return report.status, report.text

    def answer(self, *kinds: type) -> Any:
        """Wait for the next word, which is to be of one of these kinds, and forget it."""
        self.until(lambda: self.told)
        message = self.told.pop(0)
        assert isinstance(message, kinds), message
        return message

    def until(self, condition: Any) -> None:
        self.world.until(condition, timeout_s=60)

    # What others do

    def by_hand(self, market: Market, size: Size, nonce: int) -> None:
        """Merge without the lane, under a nonce, and wait until it is done."""
        relayer = self._relayer(self.relayer.clock_offset_s if self.relayer is not None else 0)
        assert relayer is not None
        batch = Batch(nonce, relayer.now_s() + 600)
        assert relayer.submit(
            submission(self.trader.account, batch, merge_calls(market, size), "by hand")
        ).transaction_id
        self.until(lambda: relayer.nonce() > nonce)
        relayer.close()

    def give_away(self, market: Market, count: str) -> None:
        """Send YES shares to somebody else."""
        self.control(
            "POST", "/chain", action="transfer", wallet=self.said["funder"], to="outside",
            token_id=market.token_ids[YES], amount=count,
        )  # fmt: skip

    # What the venue knows

    def act(self, action: str, market: Market, shares: str = "0") -> None:
        """Do something on chain by hand."""
        self.control("POST", "/chain", action=action, wallet=self.said["funder"], market=market.id, amount=shares)

    def wallet(self) -> tuple[int, dict[str, int]]:
        """Cash and tokens on chain, in millionths."""
        accounts = self.control("GET", "/accounts")["accounts"]
        (account,) = (one for one in accounts if one["address"] == self.said["address"])
        (wallet,) = (one for one in account["wallets"] if one["signature_type"] == self.said["signature_type"])
        return wallet["cash"], {token: held for token, held in wallet["tokens"].items() if held}

    def copy(self, market: Market) -> tuple[int, int, int]:
        """What the CLOB believes that the wallet holds: cash, YES and NO."""
        asset = "CONDITIONAL-V2" if market.version == "v2" else "CONDITIONAL"
        client = self.trader.client
        return (
            client.balance().amount,
            *(client.balance(asset, token).amount for token in market.token_ids),  # type: ignore[return-value]
        )

    def relayed(self) -> list[dict[str, Any]]:
        """What the log has of transactions that the relayer took, each in its last state."""
        lines = self.log("relayed")
        return list({line["id"]: line for line in lines}.values())

    def posts(self) -> int:
        """How often something was sent to the relayer."""
        lines = self.control("GET", "/log?after=0&limit=100000")["lines"]
        return sum(1 for line in lines if line["kind"] == "request" and line["path"] == "/submit")

    def log(self, kind: str) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = []
        after = 0
        while more := self.control("GET", f"/log?after={after}&limit=10000")["lines"]:
            lines += more
            after = more[-1]["n"]
        return [line for line in lines if line["kind"] == kind and line.get("wallet", "") == self.said["funder"]]

    def _relayer(self, ahead_s: int) -> RelayerClient | None:
        if self.key is None:
            return None
        relayer = RelayerClient(HttpClient(self.venue["relayer_url"]), self.trader.account, self.key, CLOCK)
        relayer.clock_offset_s = ahead_s
        return relayer

    def control(self, method: str, path: str, **body: Any) -> Any:
        client = HttpClient(self.venue["control_url"])
        path, _, query = path.partition("?")
        asked = dict(one.split("=") for one in query.split("&")) if query else None
        answer = client.exchange(
            method, path, within_s=10, query=asked, body=json.dumps(body).encode() if body else None
        )
        client.close()
        assert answer.status == 200, answer.body
        return json.loads(answer.body)


def shares(count: int) -> Size:
    return count * SHARE


def _market(told: dict[str, Any]) -> Market:
    return replace(market_of(told), version=told["version"])
