"""What `keel signer` signs: an account's orders, sign-ins and merges, within limits that the engine cannot change.

Why it trusts nothing that is asked: it is there for the day on which the engine is wrong or somebody else's. So every
field that a signature covers is judged, those that we never use have to be empty, and what cannot be told apart from
harm is refused.

Why what an order gives is counted, not what it costs at its price: shares that are sold for a cent are given away. A
share counts as the dollar that it may pay.

Why no end of an order is judged: generations 2 and 3 do not sign it. What is signed is the time of the order, which has
to be now.
"""

import re
from collections import OrderedDict, deque
from typing import Final, assert_never

from actors.venues.polymarket.contract_calls import CHAIN_ID, Call, is_known
from actors.venues.polymarket.orders import Account, SignatureType, UnsignedOrder
from actors.venues.polymarket.signables import Signable, SignBatch, SignIn, SignOrder, SignSafeCalls
from actors.venues.polymarket.signing import DigestSigner
from actors.venues.polymarket.typed_data import EXCHANGES, ZERO_32, authentication_digest
from actors.venues.polymarket.wallet_batches import batch_digest, personal, safe_digest
from config.run import SignerParameters
from models.markets import Side
from models.units import ONE, Money, format_money, format_price

_S: Final = 1_000_000_000
_DAY_S: Final = 86_400
_GENERATIONS: Final = (2, 3)
_TOKEN: Final = re.compile(r"0|[1-9][0-9]{0,77}")
_NUMBER_MAX: Final = (1 << 63) - 1
_CALLS_MAX: Final = 8
_SHARES_STEP_MAX: Final = 1_000
"""Of a buy that is told in dollars the shares are rounded down by less than this: millionths."""
_REMEMBERED: Final = 100_000
"""Orders that are asked for again count once; so many are remembered, latest last."""


class Refused(Exception):
    """It is not signed; says why."""


class Policy:
    """Judges what is asked for on behalf of `account`. `spent` is what orders of the day `day` have given so far."""

    def __init__(self, account: Account, limits: SignerParameters, *, day: int = 0, spent: Money = 0) -> None:
        self._account = account
        self._limits = limits
        self._asked = deque[int]()
        self._day = day
        self._spent = spent
        self._counted = OrderedDict[bytes, None]()
        self._signers = {generation: DigestSigner(generation, account) for generation in _GENERATIONS}

    @property
    def spent(self) -> Money:
        """What the orders that were signed on the present day have given."""
        return self._spent

    def admit(self, now_ns: int) -> None:
        """Count a request. Raises Refused beyond the rate."""
        asked = self._asked
        while asked and asked[0] <= now_ns - _S:
            asked.popleft()
        if len(asked) >= self._limits.second_max:
            raise Refused(f"more than {self._limits.second_max} requests in a second")
        asked.append(now_ns)

    def digest(self, what: Signable, now_ns: int) -> bytes:
        """Return what is to be signed of something that may be. Raises Refused."""
        match what:
            case SignOrder():
                return self._order(what, now_ns)
            case SignIn():
                return self._sign_in(what, now_ns)
            case SignBatch():
                return self._batch(what, now_ns)
            case SignSafeCalls():
                return self._safe(what)
            case _:
                assert_never(what)

    # Orders

    def _order(self, what: SignOrder, now_ns: int) -> bytes:
        account, order = self._account, what.order
        self._chain(what.chain_id)
        if what.generation not in _GENERATIONS:
            raise Refused(f"orders of generation {what.generation} are not signed here")
        if what.contract != EXCHANGES[what.chain_id, what.generation][order.neg_risk]:
            raise Refused(f"{what.contract[:42]} is not the exchange of generation {what.generation}")
        own = account.maker, account.signer, account.signature_type
        if (what.maker, what.signer, what.signature_type) != own:
            raise Refused(f"the order is not of {account.maker} as signature type {account.signature_type:d}")
        self._terms(order)
        self._near(order.timestamp_ms * 1_000_000, now_ns, "the time of the order")
        self._price(order)
        found = self._signers[what.generation].digests(order)
        self._count(found.order_hash, order.making, now_ns)
        return found.signed

    def _terms(self, order: UnsignedOrder) -> None:
        if not _TOKEN.fullmatch(order.token_id) or int(order.token_id) >= 1 << 256:
            raise Refused("the token is not a number of 256 bits")
        if order.metadata != ZERO_32 or order.builder != ZERO_32:
            raise Refused("metadata and builder have to be empty")
        if not 0 <= order.salt <= _NUMBER_MAX:
            raise Refused("the salt is out of range")
        if not (0 < order.making <= _NUMBER_MAX and 0 < order.taking <= _NUMBER_MAX):
            raise Refused("amounts have to be more than 0")

    def _price(self, order: UnsignedOrder) -> None:
        """Find the price of an order on the grid: the one at which its dollars are right but for a step of shares."""
        is_buy, limits = order.side is Side.BUY, self._limits
        dollars, shares = (order.making, order.taking) if is_buy else (order.taking, order.making)
        price = dollars * ONE // shares // limits.price_step * limits.price_step
        if not limits.price_margin <= price <= ONE - limits.price_margin:
            raise Refused(f"the price {format_price(dollars * ONE // shares)} is too near to 0 or to a dollar")
        if dollars * ONE - price * shares > price * _SHARES_STEP_MAX:
            raise Refused(f"{dollars} for {shares} is at no price of the grid of {format_price(limits.price_step)}")

    def _count(self, order_hash: bytes, gives: Money, now_ns: int) -> None:
        limits, day = self._limits, now_ns // _S // _DAY_S
        if gives > limits.order_usd:
            raise Refused(f"the order gives {format_money(gives)}, at most {format_money(limits.order_usd)} may be")
        if day != self._day:
            self._day, self._spent = day, 0
        if order_hash in self._counted:
            return
        if self._spent + gives > limits.day_usd:
            raise Refused(f"the orders of this day have given {format_money(self._spent)}")
        self._spent += gives
        self._counted[order_hash] = None
        if len(self._counted) > _REMEMBERED:
            self._counted.popitem(last=False)

    # Everything else

    def _sign_in(self, what: SignIn, now_ns: int) -> bytes:
        self._chain(what.chain_id)
        if what.address != self._account.key.address:
            raise Refused(f"the account is {self._account.key.address}")
        if what.nonce != 0:
            raise Refused("API keys of another nonce than 0 are not made here")
        self._near(what.timestamp_s * _S, now_ns, "the time of the sign-in")
        return authentication_digest(what.chain_id, what.address, what.timestamp_s, what.nonce)

    def _batch(self, what: SignBatch, now_ns: int) -> bytes:
        self._wallet(what.chain_id, what.wallet, SignatureType.DEPOSIT_WALLET, what.calls)
        batch = what.batch
        if batch.deadline_s is None or not 0 < batch.deadline_s <= now_ns // _S + self._limits.ahead_s:
            raise Refused(f"a batch has a deadline of at most {self._limits.ahead_s} s")
        self._nonce(batch.nonce)
        return batch_digest(what.chain_id, what.wallet, batch, what.calls)

    def _safe(self, what: SignSafeCalls) -> bytes:
        self._wallet(what.chain_id, what.wallet, SignatureType.SAFE, what.calls)
        self._nonce(what.nonce)
        return personal(safe_digest(what.chain_id, what.wallet, what.nonce, what.calls))

    def _wallet(self, chain_id: int, wallet: str, kind: SignatureType, calls: tuple[Call, ...]) -> None:
        self._chain(chain_id)
        if chain_id != CHAIN_ID:
            raise Refused(f"no contracts are known on chain {chain_id}")
        if (wallet, kind) != (self._account.maker, self._account.signature_type):
            raise Refused(f"the wallet is {self._account.maker}, of type {self._account.signature_type:d}")
        if not 0 < len(calls) <= _CALLS_MAX:
            raise Refused(f"{len(calls)} calls, 1 to {_CALLS_MAX} may be")
        if not all(is_known(call) for call in calls):
            raise Refused("only pairs are merged and payouts redeemed, at the venue's own contracts")

    def _chain(self, chain_id: int) -> None:
        if chain_id != self._account.chain_id:
            raise Refused(f"the chain is {self._account.chain_id}")

    def _nonce(self, nonce: int) -> None:
        if not 0 <= nonce <= _NUMBER_MAX:
            raise Refused("the nonce is out of range")

    def _near(self, at_ns: int, now_ns: int, what: str) -> None:
        if abs(at_ns - now_ns) > self._limits.ahead_s * _S:
            raise Refused(f"{what} is more than {self._limits.ahead_s} s from now")
