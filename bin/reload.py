"""The configuration while the engine runs: read anew, asked for, and set; as a whole, or refused with the reasons.

Why a change that adds risk has to be confirmed: a file can be saved by mistake, and a signal asks nobody. Why every
change opens a new segment of its tag: figures of before and after are not of the same thing, and who compares them has
to be able to tell.

Why what is set does not read the file: somebody may just be writing it, and asked for nothing of what is in it. Why it
stands above all other sources until the restart: who has set a value, and reloads for another, has not taken it back.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final, Protocol

from actors.control.ports import Changed, Refused, Reloaded, Value
from bin.notify import Notifier
from config.changes import Change, conditions, is_live
from config.changes import changes as differences
from config.modes import SWITCHES
from config.problems import ConfigurationError, keys_called, nearest_key
from config.registry import KEYS, Key
from config.settings import Settings, amended
from config.sources import SOURCES, Given
from config.written import write
from models.engine import EngineParameters
from models.messages.base import Message, Tag
from models.messages.records import SegmentOpened
from models.text import clean, concealed

_RUNTIME: Final = "runtime"
_RESTART: Final = "put it into the configuration file and restart, or leave it out and ask again for the rest"
_SHOWN_MAX: Final = 5
_NAME_MAX: Final = 80
"""Of what somebody sent as much is shown, and compared with what there is."""


class Engine(Protocol):
    """The part of an engine that a reload needs."""

    @property
    def earlier_segments(self) -> Mapping[Tag, str | None]: ...
    def now_ns(self) -> int: ...
    def change(self, parameters: EngineParameters) -> object: ...
    def tell(self, message: Message) -> object: ...


class Reloader:
    """Knows by which settings the engine runs. `load` reads them again from where they came from, `file` among it."""

    def __init__(
        self, engine: Engine, settings: Settings, load: Callable[[], Settings], notifier: Notifier, file: Path
    ) -> None:
        self._engine = engine
        self._loaded = self._settings = settings
        self._load = load
        self._notifier = notifier
        self._file = file
        self._set: dict[str, Given] = {}
        """What was set since the start, and not written into the file."""
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
        a restart, `confirmation_required` and `not_permitted` with what adds risk.
        """
        with self._lock:
            self._notifier.reloading()
            try:
                loaded = self._load()
                after = amended(loaded, self._set)
                found = _admitted(self._settings, after, confirmed=confirmed or dry_run, may_add_risk=may_add_risk)
                lines = (*map(str, found), *self._overruled(loaded)) or ("nothing has changed",)
                if dry_run:
                    return _answer(found, lines, dry_run=True)
                self._loaded = loaded
                return self._apply(after, found, lines, who)
            except ConfigurationError as error:
                raise Refused("configuration", str(error), "nothing was changed; mend it and ask again") from error
            finally:
                self._notifier.ready()

    def get(self, keys: Sequence[str]) -> tuple[Value, ...]:
        """Return keys as they are now, all without any; a section stands for its keys. Raises Refused `not_found`."""
        settings = self._settings
        wanted = dict.fromkeys(key.path for name in keys for key in _called(name)) if keys else KEYS
        shown = {one.path: one for one in settings.shown()}
        return tuple(
            Value(
                path, concealed(shown[path].value), KEYS[path].unit, shown[path].source, KEYS[path].description,
                is_live(KEYS[path]),
            )
            for path in wanted
        )  # fmt: skip

    def change(
        self,
        changes: Mapping[str, str],
        who: str,
        *,
        persist: bool,
        confirmed: bool,
        dry_run: bool,
        may_add_risk: bool = True,
    ) -> Reloaded:
        """Go by other values of some keys, of all of them or of none; `persist` writes them into the file as well.

        Raises Refused, and then nothing was changed: `not_found` (an unknown key, with the nearest), `usage` (a value,
        a name of several keys, the mode), and as `reload`.
        """
        self._require_no_mode(changes)
        values = _named(changes)
        with self._lock:
            loaded, runtime = self._loaded, self._set | _given(values, _RUNTIME, f"set by {who}")
            try:
                if persist:
                    self._require_above(values)
                    loaded = amended(loaded, _given(values, "yaml", str(self._file)))
                    runtime = {path: given for path, given in self._set.items() if path not in values}
                after = amended(loaded, runtime)
            except ConfigurationError as error:
                raise Refused("usage", _wrong(error), "nothing was changed") from error
            confirmed = confirmed or dry_run
            found = _admitted(self._settings, after, confirmed=confirmed, may_add_risk=may_add_risk)
            # What was raised until the restart is riskier than the file, in which it would be for good.
            _admitted(self._loaded, loaded, confirmed=confirmed, may_add_risk=may_add_risk)
            if persist:
                self._admit_over_file(values, confirmed=confirmed, may_add_risk=may_add_risk)
            lines = _said(found, values, self._file if persist else None, dry_run=dry_run)
            if dry_run:
                return _answer(found, lines, dry_run=True, persisted=persist)
            if persist:
                self._write(values)
            self._loaded, self._set = loaded, runtime
            return self._apply(after, found, lines, who, persisted=persist)

    def _apply(
        self, after: Settings, found: Sequence[Change], lines: Sequence[str], who: str, *, persisted: bool = False
    ) -> Reloaded:
        """Have the engine go by other settings, in a segment of their own where they differ in anything."""
        self._settings = after
        if not found:
            return _answer(found, lines, dry_run=False, persisted=persisted)
        self._engine.change(after.engine)
        said = {change.path: f"{change.old} -> {change.new}" for change in found}
        number = self._open_segment(said, conditions(after), who)
        warned = ("more than one at once: nobody will know which one did it",) if len(found) > 1 else ()
        told = (*lines, *warned, f"segment {after.tag}#{number}")
        return _answer(found, told, dry_run=False, persisted=persisted, segment=number)

    def _require_no_mode(self, names: Iterable[str]) -> None:
        """Refuse the mode: an engine is built for the one that it is started in."""
        if not SWITCHES.isdisjoint(names):
            text = f"the mode cannot be set in a running engine: this one was started in {self._settings.mode}"
            raise Refused(
                "usage", f"{text}; nothing was changed", "keel stop, then: keel run --mode observe|paper|live"
            )

    def _overruled(self, loaded: Settings) -> Iterator[str]:
        """Name what has changed in the sources, and stays as it was set."""
        before, now = ({one.path: one.value for one in settings.shown()} for settings in (self._loaded, loaded))
        for path, given in self._set.items():
            if before[path] != now[path]:
                yield f"{path}: stays {given.value} until the restart, as it was set; the sources say {now[path]}"

    def _require_above(self, paths: Iterable[str]) -> None:
        """Refuse to write a value that a stronger source than the file would overrule at the next start."""
        for path in paths:
            given = self._loaded.given.get(path)
            if given is not None and SOURCES.index(given.source) > SOURCES.index("yaml"):
                text = f"nothing was changed: {path} is given by {given.place}, which stands above the file"
                raise Refused("refused", text, f"change it there; or, until the restart: keel set {path}=...")

    def _admit_over_file(self, values: Mapping[str, str], *, confirmed: bool, may_add_risk: bool) -> None:
        """Judge values by those that they overwrite: somebody may have lowered them in the file since it was read."""
        try:
            before = self._load()
            after = amended(before, _given(values, "yaml", str(self._file)))
        except ConfigurationError as error:
            raise Refused("configuration", str(error), "nothing was changed; mend the file and ask again") from error
        _admitted(before, after, confirmed=confirmed, may_add_risk=may_add_risk)

    def _write(self, values: Mapping[str, str]) -> None:
        try:
            write(self._file, values)
        except ConfigurationError as error:
            raise Refused("configuration", str(error), "nothing was changed; mend the file and ask again") from error
        except OSError as error:
            text = f"nothing was changed: {self._file} cannot be written: {error.strerror}"
            raise Refused("failure", text, "or leave out --persist") from error

    def _open_segment(self, said: dict[str, str], values: dict[str, str], who: str) -> int:
        tag = self._settings.tag
        number = self._numbers[tag] = self._numbers.get(tag, 0) + 1
        self._engine.tell(SegmentOpened(tag, number, said, values, who, self._engine.now_ns()))
        return number


def _called(name: str) -> tuple[Key, ...]:
    found = keys_called(name)
    if not found:
        shown = clean(name, _NAME_MAX)
        near = nearest_key(shown)
        hint = f"did you mean {near}?" if near else "all of them: keel get"
        raise Refused("not_found", f"unknown key {shown!r}", hint)
    return found


def _named(changes: Mapping[str, str]) -> dict[str, str]:
    """Return values by the paths of the keys that are meant; all that is wrong with the names is said at once."""
    named: dict[str, str] = {}
    unknown: list[Refused] = []
    for name, value in changes.items():
        try:
            key, *others = _called(name)
        except Refused as refused:
            unknown.append(refused)
            continue
        if others:
            meant = ", ".join(one.path for one in (key, *others[: _SHOWN_MAX - 1]))
            raise Refused("usage", f"{name} may be {meant}", "name it in full")
        if key.path in named:
            raise Refused("usage", f"{key.path} is set twice", "nothing was changed")
        named[key.path] = value
    if unknown:
        raise Refused("not_found", "; ".join(map(str, unknown)), " ".join(one.hint for one in unknown))
    return named


def _admitted(before: Settings, after: Settings, *, confirmed: bool, may_add_risk: bool) -> tuple[Change, ...]:
    """Return what would change. Raises Refused where that is not to be."""
    found = differences(before, after)
    fixed = [change for change in found if not change.live]
    if fixed:
        text = f"nothing was changed, for this needs a restart: {_listed(fixed)}"
        raise Refused("refused", text, _RESTART)
    slips = [change for change in found if change.hundredfold]
    if slips:
        text = f"nothing was changed, for this raises a limit a hundredfold: {_listed(slips)}"
        raise Refused("refused", text, "raise it in steps, or write it into the file and restart")
    risky = [change for change in found if change.adds_risk]
    if risky and not may_add_risk:
        raise Refused("not_permitted", f"only an owner may add risk: {_listed(risky)}", "nothing was changed")
    if risky and not confirmed:
        raise Refused("confirmation_required", "\n".join(["this may add risk:", *(f"  {one}" for one in risky)]))
    return found


def _given(values: Mapping[str, str], source: str, place: str) -> dict[str, Given]:
    return {path: Given(value, source, place) for path, value in values.items()}


def _said(found: Sequence[Change], values: Mapping[str, str], file: Path | None, *, dry_run: bool) -> tuple[str, ...]:
    if file is None:
        return tuple(f"{change} ({_RUNTIME})" for change in found) or ("nothing has changed",)
    written = f"{'would be written' if dry_run else 'written'} to {file}: {', '.join(values)}"
    return (*map(str, found), written)


def _answer(
    found: Sequence[Change], lines: Sequence[str], *, dry_run: bool, persisted: bool = False, segment: int = 0
) -> Reloaded:
    changed = tuple(Changed(one.path, one.old, one.new, one.unit, persisted and not dry_run) for one in found)
    return Reloaded(tuple(lines), segment, dry_run, changed)


def _wrong(error: ConfigurationError) -> str:
    """Say what is wrong with values; where they stand is known."""
    wrong = ((one, clean(concealed(one.value or ""), _NAME_MAX)) for one in error.problems)
    return "; ".join(f"{one.key} = {value!r}: {one.reason}" for one, value in wrong)


def _listed(found: Iterable[Change]) -> str:
    return "; ".join(map(str, found))
