"""What an account reads of its rewards: which orders score, what it earned, and its share of each market."""

from datetime import date

from sandbox.messages import Answer, HttpRequest
from sandbox.rest.auth import Auth
from sandbox.rest.refusals import Refused
from sandbox.rest.routes import Table, json_answer
from sandbox.rest.trading_payload import decoded
from sandbox.rest.trading_reads import END_CURSOR, PAGE, cursor_offset, page_text
from sandbox.rewards import Rewards
from sandbox.trading.engine import Engine
from sandbox.trading.records import Account


class OwnRewards:
    """Shows accounts the figures that rewards keep."""

    def __init__(self, auth: Auth, engine: Engine, rewards: Rewards) -> None:
        self._auth = auth
        self._engine = engine
        self._rewards = rewards
        self.routes: Table = {
            ("GET", "/order-scoring"): self._scoring,
            ("POST", "/orders-scoring"): self._several_scoring,
            ("GET", "/rewards/user"): self._earnings,
            ("GET", "/rewards/user/total"): self._total,
            ("GET", "/rewards/user/percentages"): self._percentages,
        }

    def _scoring(self, request: HttpRequest, now_ns: int) -> Answer:
        account = self._auth.caller(request, now_ns).account
        return json_answer({"scoring": self._scores(account, request.asked("order_id"), now_ns)})

    def _several_scoring(self, request: HttpRequest, now_ns: int) -> Answer:
        account = self._auth.caller(request, now_ns).account
        ids = decoded(request.body, list[str])
        return json_answer({order_id: self._scores(account, order_id, now_ns) for order_id in ids})

    def _earnings(self, request: HttpRequest, now_ns: int) -> Answer:
        rows = self._rewards.earnings(self._wallet(request, now_ns), _day(request))
        begin = cursor_offset(request.asked("next_cursor"))
        return Answer(200, page_text(rows[begin:], END_CURSOR, PAGE))

    def _total(self, request: HttpRequest, now_ns: int) -> Answer:
        return json_answer(self._rewards.total(self._wallet(request, now_ns), _day(request)))

    def _percentages(self, request: HttpRequest, now_ns: int) -> Answer:
        return json_answer(self._rewards.percentages(self._wallet(request, now_ns), now_ns))

    def _scores(self, account: Account, order_id: str, now_ns: int) -> bool:
        order = self._engine.open.get(order_id)
        return order is not None and order.account is account and self._rewards.scores(order_id, now_ns)

    def _wallet(self, request: HttpRequest, now_ns: int) -> str:
        """The address of the caller's wallet that is asked about, empty for none."""
        account = self._auth.caller(request, now_ns).account
        address = request.asked("maker_address").lower()
        signature_type = request.asked("signature_type")
        for kind, wallet in account.wallets.items():
            if address in ("", wallet.address.lower()) and signature_type in ("", str(kind)):
                return wallet.address
        return ""


def _day(request: HttpRequest) -> date:
    try:
        return date.fromisoformat(request.asked("date"))
    except ValueError:
        raise Refused(400, "Invalid date") from None
