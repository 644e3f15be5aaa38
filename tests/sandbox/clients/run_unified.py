"""Stories of polymarket-client 0.14.0: stdin says where, stdout gets what it saw.

Its only way to another host is an `Environment`, and the only maker of those is the SDK's own `create_environment`;
nothing else of its inside is touched.
"""

# It runs in an environment of its own, whose packages are not ours to check.
# pyright: reportMissingImports=false, reportArgumentType=false, reportOptionalSubscript=false
# pyright: reportOptionalMemberAccess=false

import asyncio
import json
import logging
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from decimal import ROUND_DOWN, Decimal
from urllib.request import Request, urlopen

from polymarket import (
    AcceptedOrder,
    ApiKeyCreds,
    AsyncPublicClient,
    AsyncSecureClient,
    OrderHeartbeatMismatchError,
    PriceRequest,
    PublicClient,
    RateLimitError,
    RequestRejectedError,
    SecureClient,
)
from polymarket._internal.environment import PRODUCTION_CONFIG, create_environment
from polymarket.streams import MarketSpec, UserSpec

NOWHERE = "127.0.0.1:9"
PATIENCE_S = 40
DAY_S = 86_400
STREAMS = "polymarket.streams.clob"


class Dropped(logging.Handler):
    """Remembers each event that the SDK could not read: it only says so in its log."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.said = []
        for channel in ("market", "user"):
            logging.getLogger(f"{STREAMS}.{channel}").setLevel(logging.DEBUG)
            logging.getLogger(f"{STREAMS}.{channel}").addHandler(self)

    def emit(self, record):
        self.said.append(record.getMessage())


class Followed:
    """What a stream has told so far."""

    def __init__(self, stream):
        self.seen = []
        self._more = asyncio.Condition()
        self._reading = asyncio.create_task(self._read(stream))

    async def until(self, holds):
        """Wait until what was seen is enough."""
        async with asyncio.timeout(PATIENCE_S), self._more:
            await self._more.wait_for(lambda: holds(self.seen))

    async def _read(self, stream):
        async for event in stream:
            async with self._more:
                self.seen.append(event)
                self._more.notify_all()


def environment(sandbox):
    """The SDK's own environment with the sandbox's addresses; what the sandbox does not serve leads nowhere."""
    config = replace(
        PRODUCTION_CONFIG,
        clob_url=sandbox["clob_url"],
        clob_market_ws_url=sandbox["market_ws_url"],
        clob_user_ws_url=sandbox["user_ws_url"],
        gamma_url=sandbox["gamma_url"],
        relayer_url=sandbox["relayer_url"],
        data_url=f"http://{NOWHERE}",
        rfq_url=f"http://{NOWHERE}",
        rpc_url=sandbox["rpc_url"],
        relayer_poll_frequency_ms=200,
        relayer_max_polls=1_000,  # as long as with the SDK's own, which looks every 2 s
        rtds_ws_url=f"ws://{NOWHERE}",
        sports_ws_url=f"ws://{NOWHERE}",
        realtime_ws_url=f"ws://{NOWHERE}",
    )
    return create_environment(name="sandbox", config=config)


async def read(told):
    """The public client, first in its plain form, then in its asynchronous one."""
    token, where = told["token_id"], environment(told["sandbox"])
    with PublicClient(environment=where) as client:
        plain = client.get_order_book(token_id=token)
    async with AsyncPublicClient(environment=where) as client:
        pages = client.list_markets(closed=False, page_size=3)
        return {
            "plain": plain,
            "book": await client.get_order_book(token_id=token),
            "books": await client.get_order_books(token_ids=[token]),
            "midpoint": await client.get_midpoint(token_id=token),
            "midpoints": await client.get_midpoints(token_ids=[token]),
            "price": await client.get_price(token_id=token, side="BUY"),
            "prices": await client.get_prices(requests=[PriceRequest(token, "BUY")]),
            "spread": await client.get_spread(token_id=token),
            "last_trade": await client.get_last_trade_price(token_id=token),
            "market": await client.get_market(slug=told["slug"]),
            "listed": [market.condition_id async for page in pages for market in page.items],
            "found": (await client.list_markets(condition_ids=[told["condition_id"]]).first_page()).items,
            "events": (await client.list_events().first_page()).items,
            "rewards": (await client.list_current_rewards().first_page()).items,
        }


async def watch(told):
    """The market stream until it has shown books, changes, prints and touches."""
    wanted, dropped = {"book", "price_change", "last_trade_price", "best_bid_ask"}, Dropped()
    async with AsyncPublicClient(environment=environment(told["sandbox"])) as client:
        spec = MarketSpec(token_ids=told["token_ids"], custom_feature_enabled=True)
        stream = Followed(await client.subscribe(spec))
        await stream.until(lambda seen: wanted <= {event.type for event in seen})
        return {"events": stream.seen, "dropped": dropped.said}


async def accounts(told):
    """Whom the SDK takes a key for: its deposit wallet, or with `wallet` the EOA, in either form of the client."""
    wallet, eoa, where = told["wallet"], told["eoa"], environment(told["sandbox"])
    async with await AsyncSecureClient.create(private_key=wallet["private_key"], environment=where) as client:
        out = {"default": who(client), "keys": await client.fetch_api_keys()}
        out["closed_only"] = await client.get_closed_only_mode()
    given = ApiKeyCreds(key=eoa["api_key"], secret=eoa["api_secret"], passphrase=eoa["api_passphrase"])
    options = {"private_key": eoa["private_key"], "wallet": eoa["address"], "credentials": given}
    with SecureClient.create(**options, environment=where) as client:
        out["eoa"] = who(client)
        out["eoa_balance"] = client.get_balance_allowance(asset_type="COLLATERAL")
    return out


async def orders(told):
    """Rest orders and cancel them with the user stream open all the while."""
    token, dropped, limits = told["token_id"], Dropped(), []
    async with await secure(told, told["account"], on_rate_limit_update=limits.append) as client:
        stream = Followed(await client.subscribe(UserSpec()))
        far = {"token_id": token, "size": "10", "side": "BUY"}
        rested = await client.place_limit_order(**far, price="0.02", post_only=True)
        dated = await client.place_limit_order(**far, price="0.03", expiration=int(time.time()) + DAY_S)
        ask = await client.get_price(token_id=token, side="SELL")
        out = {"rested": rested, "dated": dated, "order": await client.get_order(order_id=rested.order_id)}
        out["open"] = [order.id async for page in client.list_open_orders(token_id=token) for order in page.items]
        out["crossing"] = await refused(
            client.place_limit_order(**far, price=min(ask + Decimal("0.05"), Decimal("0.99")), post_only=True)
        )
        out["cancel"] = await client.cancel_order(order_id=rested.order_id)
        out["cancel_all"] = await client.cancel_all()
        out["again"] = await client.cancel_order(order_id=rested.order_id)
        await stream.until(lambda seen: len(of_order(seen, rested, dated)) >= 4)
        return out | {
            "events": of_order(stream.seen, rested, dated),
            "dropped": dropped.said,
            "limits": [asdict(x) for x in limits],
        }


async def refusals(told):
    """Send what the venue does not take, alone and in a batch."""
    token, market = told["token_id"], {"token_id": told["token_id"], "side": "BUY"}
    async with await secure(told, told["account"]) as client:
        ask = await client.get_price(token_id=token, side="SELL")
        high = min(ask + Decimal("0.05"), Decimal("0.99"))
        good = await client.create_limit_order(**market, price="0.02", size="10")
        bad = await client.create_limit_order(**market, price=high, size="10", post_only=True)
        out = {
            "batch": await client.post_orders([good, bad]),
            "poor": await refused(client.place_limit_order(**market, price="0.5", size="10000000")),
            "fok": await refused(client.place_market_order(**market, amount="9000", max_price=ask, order_type="FOK")),
            "fak": await refused(client.place_market_order(**market, amount="20", max_price="0.02")),
        }
        await client.cancel_all()
        return out


async def trades(told):
    """Two accounts trade: one rests a bid, the other buys the opposite outcome against it; both streams are open."""
    token, opposite, dropped = *told["token_ids"], Dropped()
    async with AsyncExitStack() as stack:
        maker = await stack.enter_async_context(await secure(told, told["eoa"]))
        taker = await stack.enter_async_context(await secure(told, told["wallet"]))
        maker_stream = Followed(await maker.subscribe(UserSpec(markets=[told["condition_id"]])))
        taker_stream = Followed(await taker.subscribe(UserSpec()))
        before = [await balances(told, maker, token), await balances(told, taker, opposite)]
        # A little behind the market, so that it certainly rests, and both signed before the market can move away.
        price = await maker.get_price(token_id=token, side="BUY") - Decimal("0.04")
        bid = await maker.create_limit_order(token_id=token, price=price, size="20", side="BUY")
        hit = await taker.create_market_order(token_id=opposite, side="BUY", amount="2000", max_price=1 - price)
        rested, bought = await maker.post_order(bid), await taker.post_order(hit)
        assert isinstance(bought, AcceptedOrder), bought
        hashes = await taker.wait_for_order_fill_settlement(bought, timeout_s=PATIENCE_S)
        for stream in (maker_stream, taker_stream):
            await stream.until(settled)
        after = [await balances(told, maker, token), await balances(told, taker, opposite)]
        shares = bought.taking_amount.quantize(Decimal("0.01"), ROUND_DOWN)
        floor = max(await taker.get_price(token_id=opposite, side="BUY") - Decimal("0.10"), Decimal("0.01"))
        sold = await taker.place_market_order(token_id=opposite, side="SELL", shares=shares, min_price=floor)
        return {
            "before": before,
            "rested": rested,
            "bought": bought,
            "hashes": hashes,
            "after": after,
            "sold": sold,
            "earned": await taker.wait_for_order_fill_settlement(sold, timeout_s=PATIENCE_S),
            "last": await balances(told, taker, opposite),
            "rested_order": await maker.get_order(order_id=rested.order_id),
            "bought_order": await taker.get_order(order_id=bought.order_id),
            "maker_trades": await listed(maker, told["condition_id"]),
            "taker_trades": await listed(taker, told["condition_id"]),
            "maker_events": maker_stream.seen,
            "taker_events": taker_stream.seen,
            "dropped": dropped.said,
        }


async def beats(told):
    """Two heartbeats, a stale one that says which was expected, and then none: the venue cancels what rests."""
    async with await secure(told, told["account"]) as client:
        stream = Followed(await client.subscribe(UserSpec()))
        rested = await client.place_limit_order(token_id=told["token_id"], price="0.02", size="10", side="BUY")
        first = await client.send_order_heartbeat()
        second = await client.send_order_heartbeat(heartbeat_id=first.heartbeat_id)
        out = {"rested": rested, "first": first, "second": second}
        try:
            await client.send_order_heartbeat(heartbeat_id="no such id")
        except OrderHeartbeatMismatchError as mismatch:
            out["expected"] = mismatch.heartbeat_id
        await stream.until(lambda seen: len(of_order(seen, rested)) >= 2)
        return out | {"events": of_order(stream.seen, rested)}


async def troubles(told):
    """Meet, one after the other, what the venue does in bad hours; the sandbox is told to do it."""
    far, met = {"token_id": told["token_id"], "price": "0.02", "size": "10", "side": "BUY"}, {}
    async with await secure(told, told["account"]) as client:
        for fault, more in told["faults"].items():
            await asyncio.to_thread(control, told, "POST", {"fault": fault} | more)
            met[fault] = [await trouble(client.place_limit_order(**far)), await trouble(client.cancel_all())]
            await asyncio.to_thread(control, told, "DELETE")
    return met


def control(told, method, body=None):
    """Throw a switch of the sandbox, or put all back."""
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(told["sandbox"]["control_url"] + "/faults", data=data, method=method)) as answer:
        return json.load(answer)


async def trouble(calling):
    """What the SDK makes of an answer."""
    try:
        return {"kind": type(await calling).__name__}
    except RateLimitError as error:
        limit = error.rate_limit and asdict(error.rate_limit)
        return {"kind": "RateLimitError", "retry_after": error.retry_after, "rate_limit": limit}
    except RequestRejectedError as error:
        facts = {name: getattr(error, name) for name in ("status", "code", "restriction", "retry_after")}
        return {"kind": "RequestRejectedError", "text": str(error)} | facts


async def secure(told, account, **options):
    """A client for an account: the SDK's default for a deposit wallet, otherwise its wallet is named."""
    if account["signature_type"] != 3:
        options["wallet"] = account["funder"]
    where = environment(told["sandbox"])
    return await AsyncSecureClient.create(private_key=account["private_key"], environment=where, **options)


def who(client):
    """Which account a client speaks for."""
    return {"signer": client.signer, "wallet": client.wallet, "type": client.wallet_type, "key": client.credentials.key}


async def balances(told, client, token):
    """Dollars and shares, in millionths."""
    kind = "CONDITIONAL-V2" if told["version"] == "v2" else "CONDITIONAL"
    cash = await client.get_balance_allowance(asset_type="COLLATERAL")
    tokens = await client.get_balance_allowance(asset_type=kind, token_id=token)
    return {"cash": cash.balance, "tokens": tokens.balance}


async def listed(client, market):
    """The account's trades in a market."""
    return [trade async for page in client.list_account_trades(market=market) for trade in page.items]


def of_order(seen, *placed):
    """The order events that tell of these orders."""
    ids = {order.order_id for order in placed}
    return [event for event in seen if event.type == "order" and event.payload.id in ids]


def settled(seen):
    """Whether the account has traded and the chain has all of it for good."""
    trades = [event.payload for event in seen if event.type == "trade"]
    done = {trade.id for trade in trades if trade.status == "CONFIRMED"}
    return bool(done) and done == {trade.id for trade in trades}


async def refused(placing):
    """How an order was refused, or the answer."""
    try:
        return {"status": 200, "answer": await placing}
    except RequestRejectedError as error:
        return {"status": error.status, "answer": str(error)}


def plain(value):
    """Say SDK objects in JSON."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return str(value)


def tell(stories):
    """Live through the story that the command line names."""
    json.dump(asyncio.run(stories[sys.argv[1]](json.load(sys.stdin))), sys.stdout, default=plain)


if __name__ == "__main__":
    tell(globals())
