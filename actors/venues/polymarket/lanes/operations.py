"""The lane of what is done on chain: one operation of the wallet at a time, from its nonce to its confirmation.

Why an operation comes twice: first without a batch, to be signed; then with the batch that is in the journal, to be
sent. What is sent is therefore known to whoever takes this lane's place, and is sent again under the same nonce, of
which the chain takes one transaction only. A new nonce is used only where nothing has left under the old one.

Why a lost answer is no failure: the transaction may be on its way. It is looked for by its nonce and name, sent again
as it was, and given up only when the chain cannot take it any more: its time is over and its nonce still free, or
another transaction took the nonce. Where nobody says what took it, the wallet tells: pairs that are gone were merged.

Why the wallet is looked at before a redemption: the venue redeems by itself what it may, and so do people. What is gone
is paid.
"""

from collections.abc import Callable, Generator
from typing import Any, ClassVar, Final, NamedTuple, TypeAlias, TypeVar

from msgspec.structs import replace

from actors.runtime.actor import Context
from actors.runtime.machine import Route
from actors.venues.gated_transport import Passage
from actors.venues.polymarket.clob_client import AssetType, ClobClient
from actors.venues.polymarket.clob_session import ReadFailed
from actors.venues.polymarket.contract_calls import Call, merge_calls, redeem_calls
from actors.venues.polymarket.lanes.intents import Markets
from actors.venues.polymarket.lanes.lane import Lane, said
from actors.venues.polymarket.orders import SigningRefused
from actors.venues.polymarket.relayer import RelayerClient
from actors.venues.polymarket.remote_signer import SignerAbsent
from actors.venues.polymarket.verdicts import Fate
from actors.venues.polymarket.wallet_batches import has_deadline, submission
from actors.venues.redaction import without_secrets
from models.markets import NO, YES, Market, Outcome
from models.messages.base import MarketId
from models.messages.operations import Batch, OperationSigned, RedemptionReported, SubmitRedemption
from models.messages.orders import MergeReported, SubmitMerge
from models.messages.runtime import Woke
from models.units import ONE, Size

Value = TypeVar("Value")
Submit: TypeAlias = SubmitMerge | SubmitRedemption

_MS: Final = 1_000_000
_VALID_S: Final = 600
"""How long a batch may be sent. What is stuck for longer can be given up."""
_MARGIN_S: Final = 60
"""How far the chain's clock may be from the venue's."""
_LOOKS: Final = 3
"""How often a thing has to be absent, one look after the other, to be taken for gone."""
_REFRESH_TRIES: Final = 3
_SAME_PACE: Final = 30
_SLOWER_MAX: Final = 16
_DONE: Final = "STATE_CONFIRMED"
_MINED: Final = frozenset({"STATE_MINED", _DONE})
_FAILED: Final = frozenset({"STATE_FAILED", "STATE_INVALID"})

_Job: TypeAlias = Generator[int, None, Value]
"""Work in steps of at most one request; yields the nanoseconds until the next one."""


class Paces(NamedTuple):
    """How long the lane waits: between two questions about a transaction, and between two looks at a wallet."""

    poll_ms: int = 2_000
    look_ms: int = 10_000


PACES: Final = Paces()


class OperationsLane(Lane):
    """Merges and redeems through `relayer`; `unavailable` says why there is none. Nothing leaves past a closed `gate`.

    Without a relayer a merge fails, and so does a redemption until somebody else has done it.
    """

    batch: ClassVar[int] = 1

    def __init__(
        self,
        context: Context,
        client: ClobClient,
        route: Route,
        relayer: RelayerClient | None,
        markets: Markets,
        gate: Passage,
        unavailable: str = "",
        paces: Paces = PACES,
    ) -> None:
        super().__init__(context, client, route)
        self._relayer = relayer
        self._markets = markets
        self._gate = gate
        self._unavailable = unavailable
        self._poll_ns, self._look_ns = paces.poll_ms * _MS, paces.look_ms * _MS
        self._waiting: dict[str, Submit] = {}
        """Operations by their names; the first is the one that is worked on."""
        self._job: _Job[None] | None = None
        self._unsent: Batch | None = None
        """The batch that leave was asked for, as long as nothing has left under its nonce."""

    def on_receive(self, message: Any) -> None:
        match message:
            case SubmitMerge() | SubmitRedemption():
                self._take(message)
            case Woke():
                self._step()
            case _:
                pass

    def on_end(self) -> None:
        if self._relayer is not None:
            self._relayer.close()
        super().on_end()

    def _take(self, message: Submit) -> None:
        """Put an operation in its place; one that has a batch keeps it."""
        known = self._waiting.get(message.operation)
        if known is not None and known.batch is not None and message.batch in (None, known.batch):
            return
        self._waiting[message.operation] = message
        is_first = next(iter(self._waiting)) == message.operation
        if is_first and (self._job is None or known is not None):
            self._begin()

    def _begin(self) -> None:
        self._job = self._work(next(iter(self._waiting.values())))
        self.context.wake_at(self.read_clock())

    def _step(self) -> None:
        """Take one step of the job; when it is over go on with the next operation, unless this one waits for leave."""
        if self._job is None:
            return
        first = next(iter(self._waiting))
        try:
            wait_ns = next(self._job)
        except StopIteration:
            self._job = None
            if self._waiting and next(iter(self._waiting)) != first:
                self._begin()
        else:
            self.context.wake_at(self.read_clock() + wait_ns)

    # One operation

    def _work(self, message: Submit) -> _Job[None]:
        market = self._markets().get(message.market) or (yield from self._closed(message.market))
        if market is None:
            return self._end(message, "failed", f"the venue does not know the market {message.market}")
        if isinstance(message, SubmitRedemption):
            held = yield from self._redeemable(message, market)
            if held is None:
                return self._end(message, "confirmed", "the wallet holds none of it any more")
            calls = redeem_calls(market, *held)
        else:
            calls = merge_calls(market, message.size)
        if self._relayer is None:
            what = "merge unavailable" if isinstance(message, SubmitMerge) else "redeem it by hand"
            return self._end(message, "failed", f"{what}: {self._unavailable}")
        if message.batch is None:
            yield from self._sign(self._relayer, message)
        else:
            yield from self._bring_about(self._relayer, message, message.batch, calls, market)
        return None

    def _sign(self, relayer: RelayerClient, message: Submit) -> _Job[None]:
        """Find a batch for an operation, and ask for leave to send it."""
        nonce = yield from self._asked(relayer.nonce)
        is_timed = has_deadline(self.client.session.account)
        self._unsent = Batch(nonce, relayer.now_s() + _VALID_S if is_timed else None)
        self.tell(OperationSigned(message.operation, message.market, self._unsent, self.read_clock()))

    def _bring_about(
        self, relayer: RelayerClient, message: Submit, batch: Batch, calls: tuple[Call, ...], market: Market
    ) -> _Job[None]:
        """Send a batch until the relayer has it or the chain cannot take it any more."""
        may_stand, absences = batch != self._unsent, 0
        self._unsent = None
        for wait_ns in self._slower():
            is_over = _is_over(relayer, batch, _MARGIN_S if may_stand else 0)
            if may_stand:
                absences = yield from self._trace(relayer, message, batch, market, absences)
                if absences is None:
                    return None
            elif is_over:
                return (yield from self._sign(relayer, replace(message, batch=None)))
            if is_over or absences or self._gate.closed is not None:
                yield wait_ns
                continue
            try:
                body = submission(self.client.session.account, batch, calls, message.operation)
            except SigningRefused as refused:
                if not may_stand and not isinstance(refused, SignerAbsent):
                    return self._end(message, "failed", f"the signer: {refused}")
                self._note_trouble(message, str(refused))
                yield wait_ns
                continue
            submitted = relayer.submit(body)
            verdict = submitted.verdict
            yield 0
            if verdict.fate is Fate.DONE:
                self.log.bind(operation=message.operation, nonce=batch.nonce).info("sent to the relayer")
                return (yield from self._follow(relayer, message, batch, submitted.transaction_id, market))
            self._note_trouble(message, said(verdict))
            may_stand = may_stand or verdict.fate is Fate.UNKNOWN
            if not may_stand and submitted.on_chain is not None and submitted.on_chain > batch.nonce:
                return (yield from self._sign(relayer, replace(message, batch=None)))
            waits = submitted.busy or submitted.on_chain is not None or verdict.fate is not Fate.REFUSED
            if not may_stand and not waits:
                return self._end(message, "failed", said(verdict))
            yield wait_ns
        return None

    def _trace(
        self, relayer: RelayerClient, message: Submit, batch: Batch, market: Market, absences: int
    ) -> _Job[int | None]:
        """Find out what became of a batch that may have left; None once its operation has ended.

        Else how often its nonce was taken and nobody said by what; 0: it is free, and the batch may be sent again.
        """
        listed = yield from self._asked(relayer.transactions)
        same = [one for one in listed if one.nonce == str(batch.nonce)]
        ours = next((one for one in same if one.metadata == message.operation), None)
        if ours is not None:
            yield from self._follow(relayer, message, batch, ours.transaction_id, market)
            return None
        nonce = yield from self._asked(relayer.nonce)
        if nonce == batch.nonce:
            if not _is_over(relayer, batch, _MARGIN_S):
                return 0
            return self._end(message, "failed", "it was not taken in time")
        wallet = self.client.session.account.maker.lower()
        if any(one.state in _MINED and one.proxy_address.lower() == wallet for one in same):
            return self._end(message, "failed", "another transaction took its nonce")
        if absences >= _LOOKS and (yield from self._is_gone(message, market)):
            return self._end(message, "confirmed", "the wallet does not hold it any more")
        if absences == _LOOKS:
            self._note_trouble(message, "its nonce is taken, and nobody says by what")
        return absences + 1

    def _follow(
        self, relayer: RelayerClient, message: Submit, batch: Batch, transaction_id: str, market: Market
    ) -> _Job[None]:
        """Ask for a transaction until it has ended, or cannot happen any more."""
        for wait_ns in self._slower():
            found = yield from self._asked(lambda: relayer.transaction(transaction_id))
            if found.state == _DONE:
                yield from self._refresh(market)
                return self._end(message, "confirmed", "")
            if found.state in _FAILED:
                return self._end(message, "failed", without_secrets(found.error_msg or found.state))
            if _is_over(relayer, batch, _MARGIN_S):
                nonce = yield from self._asked(relayer.nonce)
                if nonce == batch.nonce:
                    return self._end(message, "failed", "it was not mined in time")
            yield wait_ns
        return None

    def _end(self, message: Submit, status: str, text: str) -> None:
        """Tell how an operation ended, and forget it."""
        del self._waiting[message.operation]
        operation, market, now_ns = message.operation, message.market, self.read_clock()
        if isinstance(message, SubmitMerge):
            self.tell(MergeReported(operation, market, status, 0, now_ns, text))
        else:
            self.tell(RedemptionReported(operation, market, status, text, now_ns))

    # The market and the wallet

    def _closed(self, market_id: MarketId) -> _Job[Market | None]:
        """Ask for a market that is not listed any more, as after a restart; None where the venue does not know it."""
        for wait_ns in self._slower():
            try:
                terms = self.client.market_terms(market_id)
            except ReadFailed as failed:
                if failed.verdict.fate is Fate.REFUSED:
                    return None
                yield wait_ns
            else:
                yield 0
                yes, no = terms.token_ids
                return Market(
                    market_id, market_id, (yes, no), condition_id=terms.condition_id, neg_risk=terms.neg_risk,
                    version=terms.version,
                )  # fmt: skip
        return None

    def _redeemable(self, message: SubmitRedemption, market: Market) -> _Job[tuple[Size, Size] | None]:
        """Return what the wallet holds of both tokens; None when several looks find nothing that pays."""
        for _ in range(_LOOKS):
            yes = yield from self._held(market, YES)
            no = yield from self._held(market, NO)
            if _pays(message, yes, no):
                return yes, no
            yield self._look_ns
        return None

    def _is_gone(self, message: Submit, market: Market) -> _Job[bool]:
        """Look whether the wallet lacks what an operation would take."""
        yes = yield from self._held(market, YES)
        no = yield from self._held(market, NO)
        if isinstance(message, SubmitMerge):
            return min(yes, no) < message.size
        return not _pays(message, yes, no)

    def _held(self, market: Market, outcome: Outcome) -> _Job[Size]:
        """Have the venue look at a token on chain, and read what it saw."""
        asset = _asset(market)
        yield from self._asked(lambda: self.client.refresh_balance(asset, market.token_ids[outcome]))
        balance = yield from self._asked(lambda: self.client.balance(asset, market.token_ids[outcome]))
        return balance.amount

    def _refresh(self, market: Market) -> _Job[None]:
        """Have the venue look at what has changed on chain: its own copy of the balances decides what it takes."""
        yes, no = market.token_ids
        assets: list[tuple[AssetType, str | None]] = [("COLLATERAL", None), (_asset(market), yes), (_asset(market), no)]
        for kind, token_id in assets:
            for _ in range(_REFRESH_TRIES):
                try:
                    self.client.refresh_balance(kind, token_id)
                except ReadFailed as failed:
                    self.log.bind(market=market.slug).warning("the venue did not look at the balance: {}", failed)
                    yield self._poll_ns
                else:
                    yield 0
                    break

    # Questions

    def _asked(self, read: Callable[[], Value]) -> _Job[Value]:
        """Ask until there is an answer, one try in a turn, each later than the one before."""
        for wait_ns in self._slower():
            try:
                found = read()
            except ReadFailed as failed:
                self.log.bind(reason=str(failed)).debug("asked again")
                yield wait_ns
            else:
                yield 0
                return found
        raise AssertionError("it is asked for ever")

    def _slower(self) -> Generator[int]:
        """Give waits that grow after a while, without end."""
        yield from (self._poll_ns for _ in range(_SAME_PACE))
        slower = 1
        while True:
            slower = min(2 * slower, _SLOWER_MAX)
            yield self._poll_ns * slower

    def _note_trouble(self, message: Submit, text: str) -> None:
        self.log.bind(operation=message.operation, market=message.market).warning("not done yet: {}", text)


def _is_over(relayer: RelayerClient, batch: Batch, margin_s: int) -> bool:
    """Whether the chain takes a batch no more."""
    return batch.deadline_s is not None and relayer.now_s() > batch.deadline_s + margin_s


def _pays(message: SubmitRedemption, yes: Size, no: Size) -> bool:
    """Whether a market pays for what is held of it."""
    return (yes > 0 and message.payout_yes > 0) or (no > 0 and message.payout_yes < ONE)


def _asset(market: Market) -> AssetType:
    return "CONDITIONAL-V2" if market.version == "v2" else "CONDITIONAL"
