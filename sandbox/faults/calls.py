"""What becomes of REST calls and their answers on the way: at most one rule acts on a call, the oldest that fits."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sandbox.faults.table import Switch
from sandbox.messages import Answer, Effect, HttpRequest, Service
from sandbox.schedule import Schedule

if TYPE_CHECKING:
    from sandbox.faults.switchboard import Faults


@dataclass(slots=True, eq=False, kw_only=True)
class Rule(Switch):
    """Which calls it concerns, and what happens to them.

    `account` is an address or API key, `fits` may ask for more. `instead` answers without the venue hearing of it;
    `before` does something ahead of its handling, which waits `early_ns`; `change` makes another answer of the venue's,
    which then waits `late_ns`.
    """

    service: Service = "clob"
    method: str = ""
    path: str = "/"
    account: str = ""
    fits: Callable[[HttpRequest], bool] | None = None
    instead: Callable[[HttpRequest, int], Answer] | None = None
    before: Callable[[HttpRequest, int], None] | None = None
    change: Callable[[HttpRequest, Answer, int], Answer] | None = None
    early_ns: Callable[[], int] | None = None
    late_ns: Callable[[], int] | None = None

    def concerns(self, request: HttpRequest) -> bool:
        """Whether a call is one of those."""
        if request.service != self.service or not request.path.startswith(self.path):
            return False
        if self.method not in ("", request.method):
            return False
        who = (request.headers.get("poly_address", ""), request.headers.get("poly_api_key", ""))
        if self.account and self.account.lower() not in (name.lower() for name in who):
            return False
        return self.fits is None or self.fits(request)


class Calls:
    """Between the shell and the services."""

    def __init__(self, faults: "Faults", schedule: Schedule, outbox: list[Effect]) -> None:
        self._faults = faults
        self._schedule = schedule
        self._outbox = outbox
        self._under_way: dict[int, tuple[Rule, HttpRequest]] = {}

    def enter(self, request: HttpRequest, now_ns: int, go_on: Callable[[HttpRequest, int], None]) -> None:
        """Take a call in; `go_on` lets the service have it, at once, later, or never."""
        rule = self._rule(request)
        if rule is None:
            go_on(request, now_ns)
            return
        self._faults.spend(rule, now_ns, method=request.method, path=request.path)
        if rule.instead is not None:
            self._outbox.append(replace(rule.instead(request, now_ns), call=request.call))
            return
        if rule.before is not None:
            rule.before(request, now_ns)
        self._under_way[request.call] = rule, request
        wait_ns = rule.early_ns() if rule.early_ns is not None else 0
        if wait_ns:
            self._schedule.at(now_ns + wait_ns, lambda due_ns: go_on(request, due_ns))
        else:
            go_on(request, now_ns)

    def leave(self, answer: Answer) -> None:
        """Let an answer out, as it is or as a rule makes it."""
        now_ns = self._schedule.now_ns
        rule, request = self._under_way.pop(answer.call, (None, None))
        if rule is None or request is None:
            self._outbox.append(answer)
            return
        if rule.change is not None:
            answer = replace(rule.change(request, answer, now_ns), call=answer.call)
        wait_ns = rule.late_ns() if rule.late_ns is not None else 0
        if wait_ns:
            self._schedule.at(now_ns + wait_ns, lambda _: self._outbox.append(answer))
        else:
            self._outbox.append(answer)

    def _rule(self, request: HttpRequest) -> Rule | None:
        for switch in self._faults.on:
            if isinstance(switch, Rule) and switch.concerns(request) and self._faults.hits(switch):
                return switch
        return None
