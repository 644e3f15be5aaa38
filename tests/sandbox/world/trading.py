"""An account of a whole exchange: it signs and sends as the clients of the house do."""

from typing import Any

from sandbox.exchange import Exchange
from sandbox.messages import Answer, HttpRequest
from sandbox.signing.keys import PrivateKey
from tests.sandbox.house import Trader


class InExchange:
    """The house that a `Trader` expects, around an exchange."""

    def __init__(self, exchange: Exchange, now_ns: int) -> None:
        self.exchange = exchange
        self.accounts = exchange.accounts
        self.now_ns = now_ns
        self._answers: dict[int, Answer] = {}
        self._calls = 0

    def request(self, method: str, path: str, body: bytes = b"", headers: Any = None, **query: Any) -> Answer:
        """Make a call and give its answer, for which time runs on if it comes late."""
        self._calls += 1
        call = self._calls
        request = HttpRequest("clob", method, path, query, body, headers=headers, call=call)
        self._take(self.exchange.handle(request, self.now_ns))
        while call not in self._answers:
            due_ns = self.exchange.next_event_at
            assert due_ns is not None
            self.advance_to(due_ns)
        return self._answers.pop(call)

    def advance_to(self, at_ns: int) -> None:
        """Let time pass until then, event by event."""
        while (due_ns := self.exchange.next_event_at) is not None and due_ns <= at_ns:
            self.now_ns = max(self.now_ns, due_ns)
            self._take(self.exchange.tick(self.now_ns))
        self.now_ns = max(self.now_ns, at_ns)

    def _take(self, effects: list[Any]) -> None:
        for effect in effects:
            if isinstance(effect, Answer):
                self._answers[effect.call] = effect


def trader_in(exchange: Exchange, now_ns: int) -> Trader:
    """The first account of an exchange."""
    described = exchange.describe_accounts()[0]
    key = PrivateKey(bytes.fromhex(described["private_key"][2:]))
    account = next(iter(exchange.accounts))
    house: Any = InExchange(exchange, now_ns)
    return Trader(house, key, account, account.keys[0], described["signature_type"])
