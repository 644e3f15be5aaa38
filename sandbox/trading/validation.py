"""Whether the venue takes an order: who sent it, for which exchange it is signed, and whether its figures are allowed.

Checks stand in the venue's order, each with its text. Four decisions where the public sources leave it open:
- A signature that holds for another generation's exchange is a version mismatch; one for the other (neg-risk) contract
  of the right generation, or for nothing at all, is an invalid signature.
- A deposit wallet that is not deployed cannot sign, so its order's signer is not the address of the API key.
- A replayed market has no order book to trade in and is one that is not ready.
- The minimum in shares is for orders that may rest; what trades at once only has the engine's minimum of a dollar.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from sandbox.accounts import Accounts
from sandbox.books import Side
from sandbox.markets import Catalogue, Market
from sandbox.rest.refusals import Refused
from sandbox.rest.trading_payload import INVALID, VERSION_MISMATCH, OrderBody
from sandbox.signing.keys import Refusal
from sandbox.signing.orders import DEPOSIT_WALLET, verify
from sandbox.signing.typed_data import ZERO_32, exchange_domain, order_hash
from sandbox.signing.typed_data import Order as Signed
from sandbox.trading.records import Account, Order, TimeInForce, Wallet
from sandbox.units import ONE, PRICE_TEXT, SECOND, decimal_text, size_text

_GENERATIONS: Final[tuple[Literal[1, 2, 3], ...]] = (1, 2, 3)
_AMOUNT_DIGITS: Final = {1_000: 3, 100: 4, 50: 5, 25: 6, 10: 5, 1: 6}
"""Decimals of an amount in dollars, by tick."""
_SHARE_DIGITS: Final = 2
_MARKET_BUY_DIGITS: Final = (2, 4)
"""Decimals of dollars and shares of a buy at market, whatever the tick."""
_MICRO_DIGITS: Final = 6
_GTD_LEAD_S: Final = 180
_NOT_ALLOWED: Final = "maker address not allowed, please use the deposit wallet flow"
_NOT_OWNER: Final = "the order owner has to be the owner of the API KEY"
_NOT_SIGNER: Final = "the order signer address has to be the address of the API KEY"
_NOT_READY: Final = "the market is not yet ready to process new orders"


@dataclass(frozen=True, slots=True)
class Figures:
    """What an order's two amounts say: its price (1/10,000 dollar) and its size (micro-shares)."""

    price: int
    size: int


class Validation:
    """The checks of one exchange.

    `orders` are those that were ever accepted, by id: one that is sent again is a duplicate whatever else it is.
    """

    def __init__(self, accounts: Accounts, catalogue: Catalogue, orders: Mapping[str, Order]) -> None:
        self._accounts = accounts
        self._catalogue = catalogue
        self._orders = orders

    def order(self, body: OrderBody, account: Account, api_key: str, now_ns: int) -> Order:
        """The order that a body asks for, not yet placed. Raises Refused with the venue's text."""
        fields = body.order
        first_generation = self._accounts.protocol == 1
        if fields.is_first_generation != first_generation:
            raise Refused(400, VERSION_MISMATCH)
        if fields.timestamp is None and not first_generation:
            raise Refused(400, INVALID)
        wallet = _wallet(body, account, api_key)
        if body.post_only and body.order_type not in ("GTC", "GTD"):
            raise Refused(400, INVALID)
        if first_generation and fields.nonce != "0":
            raise Refused(400, "invalid nonce")
        market, token = self._market(fields.token_id)
        signed = fields.signed()
        order_id = self._signed_for(market, signed, fields.signature)
        if order_id in self._orders:
            raise Refused(400, f"order {order_id} is invalid. Duplicated.")
        if market.closed:
            raise Refused(400, _no_book(fields.token_id))
        if not market.accepting:
            raise Refused(400, _NOT_READY)
        expires_s = int(fields.expiration)
        figures = check_amounts(order_id, market, fields.side, body.order_type, signed)
        _check_expiration(body.order_type, expires_s, now_ns)
        return Order(
            order_id,
            account,
            wallet,
            api_key,
            market,
            token,
            fields.side,
            figures.price,
            figures.size,
            signed.maker_amount,
            signed.taker_amount,
            body.order_type,
            body.post_only,
            expires_s,
            now_ns,
            fields.signature_type,
            "" if fields.builder == ZERO_32 else fields.builder,
        )

    def _market(self, token_id: str) -> tuple[Market, int]:
        found = self._catalogue.by_token.get(token_id)
        if found is None:
            raise Refused(400, _no_book(token_id))
        return found

    def _signed_for(self, market: Market, signed: Signed, signature: str) -> str:
        """The id of an order whose signature holds for its market. Raises Refused."""
        expected, chain_id = self._accounts.generation(market), self._accounts.chain_id
        domain = exchange_domain(expected, chain_id, neg_risk=market.event.neg_risk)
        if not isinstance(verify(domain, signed, signature), Refusal):
            return order_hash(domain, signed)
        for generation in _GENERATIONS:
            others = (exchange_domain(generation, chain_id, neg_risk=other) for other in (False, True))
            if generation != expected and any(not isinstance(verify(d, signed, signature), Refusal) for d in others):
                raise Refused(400, VERSION_MISMATCH)
        raise Refused(400, "invalid signature")


def check_amounts(order_id: str, market: Market, side: Side, kind: TimeInForce, signed: Signed) -> Figures:
    """What an order's amounts say, if the market's grid and the venue's precision allow them. Raises Refused.

    A limit order's price is exact. A market order's shares (dollars of a sale) were rounded down by its client, so its
    price stands a hair off the grid, and the grid's next price in the client's favour is what it meant.
    """
    dollars, shares = signed.maker_amount, signed.taker_amount
    if side == "SELL":
        dollars, shares = shares, dollars
    if not dollars or not shares:
        raise Refused(400, INVALID)
    at_market = kind in ("FOK", "FAK")
    _check_precision(market.tick, side, dollars, shares, at_market=at_market)
    if at_market:
        price = dollars * ONE // shares if side == "BUY" else -(-dollars * ONE // shares)
        rest = price % market.tick
        price += 0 if not rest else -rest if side == "BUY" else market.tick - rest
        _check_price(order_id, market, price, decimal_text(dollars * ONE // shares, 4))
        return Figures(price, dollars * ONE // price if side == "BUY" else shares)
    price, inexact = divmod(dollars * ONE, shares)
    if inexact:
        raise Refused(400, _wrong_amount(market, side, dollars, shares))
    if price % market.tick:
        raise Refused(400, _off_grid(order_id, market, decimal_text(price, 4)))
    _check_price(order_id, market, price, decimal_text(price, 4))
    if shares < market.min_order_size:
        minimum = market.min_order_size_text
        raise Refused(400, f"order {order_id} is invalid. Size ({size_text(shares)}) lower than the minimum: {minimum}")
    return Figures(price, shares)


def _wallet(body: OrderBody, account: Account, api_key: str) -> Wallet:
    """The wallet that an order spends from, if its sender may trade from it. Raises Refused."""
    fields = body.order
    if body.owner != api_key:
        raise Refused(400, _NOT_OWNER)
    wallet = account.wallets.get(fields.signature_type)
    if fields.signature_type != DEPOSIT_WALLET:
        signer = account.address
    else:
        signer = wallet.address if wallet is not None and wallet.deployed else ""
    if fields.signer.lower() != signer.lower():
        raise Refused(400, _NOT_SIGNER)
    if account.banned:
        raise Refused(400, f"'{account.address}' address banned")
    if account.closed_only and fields.side == "BUY":
        raise Refused(400, f"'{account.address}' address in closed only mode")
    if wallet is None or not wallet.deployed or fields.maker.lower() != wallet.address.lower():
        raise Refused(400, _NOT_ALLOWED)
    return wallet


def _check_precision(tick: int, side: Side, dollars: int, shares: int, *, at_market: bool) -> None:
    dollar_digits, share_digits = _AMOUNT_DIGITS[tick], _SHARE_DIGITS
    if at_market and side == "BUY":
        dollar_digits, share_digits = _MARKET_BUY_DIGITS
    if not _finer(dollars, dollar_digits) and not _finer(shares, share_digits):
        return
    maker, taker = (dollar_digits, share_digits) if side == "BUY" else (share_digits, dollar_digits)
    kind = f"market {side.lower()}" if at_market else side.lower()
    raise Refused(
        400,
        f"invalid amounts, the {kind} orders maker amount supports a max accuracy of {maker} decimals, "
        f"taker amount a max of {taker} decimals",
    )


def _check_price(order_id: str, market: Market, price: int, shown: str) -> None:
    if not market.tick <= price <= ONE - market.tick:
        raise Refused(400, _off_grid(order_id, market, shown))


def _check_expiration(kind: TimeInForce, expires_s: int, now_ns: int) -> None:
    if kind == "GTD":
        if expires_s * SECOND < now_ns + _GTD_LEAD_S * SECOND:
            raise Refused(400, "invalid expiration")
    elif expires_s:
        raise Refused(400, "invalid expiration")


def _finer(amount: int, digits: int) -> bool:
    return amount % 10 ** (_MICRO_DIGITS - digits) != 0


def _off_grid(order_id: str, market: Market, shown: str) -> str:
    return f"order {order_id} is invalid. Price ({shown}) breaks minimum tick size rule: {market.tick_text}"


def _wrong_amount(market: Market, side: Side, dollars: int, shares: int) -> str:
    """The text for amounts that fit no price: what they should be at the nearest one."""
    ticks = (2 * dollars * ONE + shares * market.tick) // (2 * shares * market.tick)
    price = min(max(ticks, 1), ONE // market.tick - 1) * market.tick
    amount = "maker" if side == "BUY" else "taker"
    return (
        f"invalid amounts, the {amount} amount for a ${PRICE_TEXT[price]} order of size {size_text(shares)} should be "
        f"'{decimal_text(shares * price // ONE, _MICRO_DIGITS)}' but the value submited is "
        f"'{decimal_text(dollars, _MICRO_DIGITS)}'"
    )


def _no_book(token_id: str) -> str:
    return f"the orderbook {token_id} does not exist"
