"""Everything behind a signature, in one place: the parts with their routes, and the calls of the heartbeat."""

from random import Random
from typing import Any, Final

from sandbox.accounts import Accounts
from sandbox.heartbeats import Heartbeats, StaleHeartbeat
from sandbox.limits import SignerBuckets
from sandbox.log import Log
from sandbox.messages import Answer, HttpRequest
from sandbox.modes import Modes
from sandbox.rest.auth import Auth
from sandbox.rest.refusals import Refused
from sandbox.rest.routes import Table, json_answer
from sandbox.rest.trading_balances import Balances
from sandbox.rest.trading_cancels import Cancels
from sandbox.rest.trading_notifications import Notifications
from sandbox.rest.trading_orders import Orders, Reply
from sandbox.rest.trading_payload import decoded
from sandbox.rest.trading_reads import OwnReads
from sandbox.rest.trading_rewards import OwnRewards
from sandbox.rewards import Rewards
from sandbox.trading.validation import Validation
from sandbox.venue import Venue

_INVALID: Final = "Invalid payload"
_STALE: Final = "Invalid Heartbeat ID"


class Trading:
    """The private part of the CLOB's REST API; answers that come later are put into `reply`."""

    def __init__(
        self,
        accounts: Accounts,
        venue: Venue,
        rewards: Rewards,
        buckets: SignerBuckets,
        modes: Modes,
        record: Log,
        random: Random,
        reply: Reply,
    ) -> None:
        engine = venue.engine
        self._buckets = buckets
        self.auth = Auth(accounts, record)
        self.reads = OwnReads(self.auth, engine, modes)
        self.balances = Balances(accounts, venue.catalogue, engine, self.auth)
        validation = Validation(accounts, venue.catalogue, engine.orders)
        orders = Orders(self.auth, validation, self.balances, venue, buckets, modes, record, reply)
        cancels = Cancels(self.auth, venue, buckets, modes)
        self.heartbeats = Heartbeats(venue.schedule, random, record, cancels.cancel_key)
        self.routes: Table = {
            ("GET", "/v1/user/rate-limit-tier"): self._tier,
            ("POST", "/v1/heartbeats"): self._beat,
            ("POST", "/heartbeats"): self._beat_without_id,
            **self.auth.routes,
            **orders.routes,
            **cancels.routes,
            **self.reads.routes,
            **self.balances.routes,
            **OwnRewards(self.auth, engine, rewards).routes,
            **Notifications(self.auth, engine).routes,
        }

    def _tier(self, request: HttpRequest, now_ns: int) -> Answer:
        """The tier of the signer's buckets. Unverified: the page that names this call does not show its answer."""
        tier = self._buckets.tier(self.auth.caller(request, now_ns).account.address)
        return json_answer({"tier": tier.name})

    def _beat(self, request: HttpRequest, now_ns: int) -> Answer:
        caller = self.auth.caller(request, now_ns)
        try:
            following = self.heartbeats.beat(caller.account, caller.api_key, _heartbeat_id(request.body), now_ns)
        except StaleHeartbeat as stale:
            # The guide says `error_msg`, the reference `error`: clients look for either.
            body = {"error_msg": _STALE, "error": _STALE, "heartbeat_id": stale.expected}
            raise Refused(400, _STALE, body=body) from None
        return json_answer({"heartbeat_id": following})

    def _beat_without_id(self, request: HttpRequest, now_ns: int) -> Answer:
        caller = self.auth.caller(request, now_ns)
        self.heartbeats.beat_without_id(caller.account, caller.api_key, now_ns)
        return json_answer({"status": "ok"})


def _heartbeat_id(body: bytes) -> str:
    """The id that a heartbeat bears; null and nothing stand for none. Raises Refused."""
    asked = decoded(body or b"{}", dict[str, Any], _INVALID).get("heartbeat_id")
    if asked is not None and not isinstance(asked, str):
        raise Refused(400, _INVALID)
    return asked or ""
