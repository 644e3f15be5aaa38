"""What the command bus needs of an engine, and the words in which both refuse.

Why ports: the bus says, authorises, proves and writes down; who knows the configuration, the catalogue and the venue is
known to the composition root alone, which sets them on the bus. A port that is not set refuses its commands, with the
reason. To cancel orders none is needed: the bus tells the executor.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from models.answers import Rest
from models.messages.base import MarketId
from models.snapshot import Board

Port = TypeVar("Port")


class Refused(Exception):
    """A command that was not carried out; `code` is stable, `hint` says what to do."""

    def __init__(self, code: str, message: str, hint: str = "", *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint
        self.retryable = retryable


@dataclass(frozen=True)
class Changed:
    """A key of the configuration that differs now. `persisted`: a restart will know it too."""

    path: str
    old: str
    new: str
    unit: str
    persisted: bool = False


@dataclass(frozen=True)
class Reloaded:
    """What has changed, in lines, and the number of the segment that it opened: 0 where none was.

    `proven`: the engine goes by it, as a whole.
    """

    lines: tuple[str, ...]
    segment: int
    dry_run: bool
    changes: tuple[Changed, ...] = ()
    proven: bool = True


@dataclass(frozen=True)
class Value:
    """A key of the configuration as the engine goes by it now.

    `source` is `default`, `yaml`, `env`, `cli`, `runtime`, ...; `live`: a running engine can go by another value. A
    secret never stands in `value`.
    """

    path: str
    value: str
    unit: str
    source: str
    meaning: str
    live: bool


@dataclass(frozen=True)
class Listed:
    """A market that is in the catalogue now, or is not any more; what a person reads of it. `proven`: it is so."""

    market: MarketId
    slug: str
    lines: tuple[str, ...]
    changed: bool
    dry_run: bool
    proven: bool = True


def present(port: Port | None, what: str) -> Port:
    """Return a port that is set. Raises Refused `refused` where this engine has none."""
    if port is None:
        raise Refused("refused", f"this engine has no {what}")
    return port


class Reloads(Protocol):
    """Who reads the configuration anew and has the engine go by it."""

    def reload(self, who: str, *, confirmed: bool, dry_run: bool, may_add_risk: bool = True) -> Reloaded:
        """Apply all that has changed.

        Raises Refused, and then nothing was changed: `configuration`, `refused` (a restart is needed),
        `confirmation_required` (adds risk, and is not confirmed), `not_permitted` (adds risk, and the caller may not).
        """
        ...


class Settings(Protocol):
    """Who knows every key of the configuration, and has the engine go by other values of some."""

    def get(self, keys: Sequence[str]) -> tuple[Value, ...]:
        """Return keys as they are now, all without any. Raises Refused `not_found`, naming the nearest."""
        ...

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
        """Set all of these keys, or none. `persist`: write them to the configuration file too, comments kept.

        Raises Refused, and then nothing was changed: `not_found` (an unknown key, naming the nearest), `usage` (a
        value), and as `Reloads.reload`.
        """
        ...


class Markets(Protocol):
    """Who can take a market into the catalogue of a running engine, and out of it."""

    def add(self, name: str, who: str, timeout_s: float, *, dry_run: bool) -> Listed:
        """Trade a market too, by slug, URL, condition id or token; done when its actors stand.

        One that is there already is not changed. Raises Refused: `not_found` (the venue does not know it, naming the
        nearest), `refused` (resolved, closed, too many), `timeout`.
        """
        ...

    def remove(self, market: MarketId, who: str, timeout_s: float, *, dry_run: bool) -> Listed:
        """Forget a market that is off, flat, and has nothing open, unknown or unsettled; else Refused `refused`."""
        ...


class Listings(Protocol):
    """Who can ask the venue itself what rests there."""

    def resting(self, markets: Collection[MarketId], within_s: float) -> tuple[Rest, ...]:
        """Return what of these markets the venue lists; empty only after two clean listings in a row.

        Raises Refused `unproven` where the venue has not said it in time.
        """
        ...

    def swept(self, within_s: float) -> tuple[Rest, ...]:
        """Cancel everything of the account, whoever placed it, and return what the venue lists still; as `resting`."""
        ...


class View(Protocol):
    """The part of the shared board that commands need."""

    def look(self) -> Board:
        """Return the newest snapshot."""
        ...

    def wait_for(self, condition: Callable[[Board], bool], timeout_s: float) -> tuple[Board, bool]:
        """Wait for a condition; return the last snapshot and whether it held."""
        ...


class Gate(Protocol):
    """The latch around every order socket."""

    @property
    def killed_by(self) -> str | None:
        """Who or what has latched it: a surface and its user, `risk`, `file`, `signal`, `offline`; None while not."""
        ...

    def kill(self, reason: str, who: str) -> object:
        """Close it; when this returns, no order byte can leave any more."""
        ...

    def kills(self) -> Any:
        """Return the kills that stand now."""
        ...

    def clear(self, known: Any) -> bool:
        """Lift these kills; a person's act. False where another was said meanwhile: then all stay."""
        ...
