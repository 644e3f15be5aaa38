"""The configuration, read anew while the engine runs: applied as a whole, or refused as a whole with the reasons.

Why a change that adds risk has to be confirmed: a file can be saved by mistake, and a signal asks nobody. Why every
change opens a new segment of its tag: figures of before and after are not of the same thing, and who compares them has
to be able to tell.
"""

import json
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Protocol

from actors.control.ports import Refused, Reloaded
from bin.notify import Notifier
from config.changes import Change, changes, conditions
from config.problems import ConfigurationError
from config.settings import Settings
from models.engine import EngineParameters
from models.messages.base import Message, Tag
from models.messages.records import SegmentOpened


class Engine(Protocol):
    """The part of an engine that a reload needs."""

    @property
    def earlier_segments(self) -> Mapping[Tag, str | None]: ...
    def now_ns(self) -> int: ...
    def change(self, parameters: EngineParameters) -> object: ...
    def tell(self, message: Message) -> object: ...


class Reloader:
    """Knows by which settings the engine runs. `load` reads them again from where they came from."""

    def __init__(self, engine: Engine, settings: Settings, load: Callable[[], Settings], notifier: Notifier) -> None:
        self._engine = engine
        self._settings = settings
        self._load = load
        self._notifier = notifier
        self._lock = Lock()
        self._numbers: dict[Tag, int] = {}

    @property
    def settings(self) -> Settings:
        """The settings by which the engine runs now."""
        return self._settings

    def begin(self) -> None:
        """Open a segment where the desk ran under other conditions the last time."""
        tag, now = self._settings.tag, conditions(self._settings)
        written = self._engine.earlier_segments.get(tag)
        earlier: dict[str, Any] = {"number": 0, "values": {}} if written is None else json.loads(written)
        self._numbers[tag] = earlier["number"]
        before: dict[str, str] = earlier["values"]
        if before != now:
            differs = {path: f"{before.get(path, '-')} -> {value}" for path, value in now.items() if path in before}
            said = {path: change for path, change in differs.items() if before[path] != now[path]}
            self._open_segment(said, now, "start-up")

    def reload(self, who: str, *, confirmed: bool, dry_run: bool, may_add_risk: bool = True) -> Reloaded:
        """Apply what has changed since.

        Raises Refused, and then nothing was changed: `configuration` with all that is wrong, `refused` with what needs
        a restart, `confirmation_required` with what adds risk, `not_permitted` where the caller may not add any.
        """
        with self._lock:
            self._notifier.reloading()
            try:
                return self._reload(who, confirmed, dry_run, may_add_risk)
            finally:
                self._notifier.ready()

    def _reload(self, who: str, confirmed: bool, dry_run: bool, may_add_risk: bool) -> Reloaded:
        try:
            after = self._load()
        except ConfigurationError as error:
            raise Refused("configuration", str(error), "nothing was changed; mend it and ask again") from error
        found = changes(self._settings, after)
        fixed = [change for change in found if not change.live]
        if fixed:
            text = f"nothing was changed, for this needs a restart: {_listed(fixed)}"
            raise Refused("refused", text, "restart for it, or take it back and ask again for the rest")
        risky = [change for change in found if change.adds_risk]
        listed = "\n".join(["this may add risk:", *(f"  {one}" for one in risky)])
        if risky and not may_add_risk:
            raise Refused("not_permitted", listed, "only an owner may add risk")
        if risky and not confirmed and not dry_run:
            raise Refused("confirmation_required", listed)
        lines = tuple(str(change) for change in found) or ("nothing has changed",)
        if dry_run or not found:
            return Reloaded(lines, 0, dry_run)
        self._engine.change(after.engine)
        self._settings = after
        said = {change.path: f"{change.old} -> {change.new}" for change in found}
        number = self._open_segment(said, conditions(after), who)
        warned = ("more than one at once: nobody will know which one did it",) if len(found) > 1 else ()
        return Reloaded((*lines, *warned, f"segment {after.tag}#{number}"), number, dry_run)

    def _open_segment(self, said: dict[str, str], values: dict[str, str], who: str) -> int:
        tag = self._settings.tag
        number = self._numbers[tag] = self._numbers.get(tag, 0) + 1
        self._engine.tell(SegmentOpened(tag, number, said, values, who, self._engine.now_ns()))
        return number


def _listed(found: list[Change]) -> str:
    return "; ".join(str(change) for change in found)
