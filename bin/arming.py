"""Whether code, strategy and limits have been on paper long enough to trade money, and how long they have been live.

Why the parameters of strategies are not among the conditions: they are tuned all the time, within the ranges that they
declare. What may be lost, and what decides, is not.

Why a venue on this machine asks for none of it: what is traded there is no money, and to try it is what it is for. Time
on paper there counts for nothing either: its books are not the market's.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import models
from actors.runtime.clock import Clock
from actors.store.rows import ran_key
from actors.store.writer import Writer
from config.settings import Settings
from models.controls.families import CONTROLS
from models.messages.base import Message
from models.messages.records import RanUnder
from surfaces.cli.errors import CommandError

_ROOT: Final = Path(models.__file__).parents[1]
_DECIDE: Final = ("models", "actors", "config")
"""The packages whose code decides what is traded and how."""
_S: Final = 1_000_000_000
_NOTED_EVERY_NS: Final = 60 * _S


def digest_of(settings: Settings) -> str:
    """Return a digest of what decides and what may be lost: the code, the strategies and every limit of a control."""
    digest = hashlib.sha256()
    for line in (*_code(_ROOT), f"strategy {settings.run.strategy}", *_limits(settings)):
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()[:16]


def is_on_this_machine(url: str) -> bool:
    """Whether a venue is one of this machine's own, where no money is traded."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Stint:
    """How long a mode has been run under the same conditions, earlier runs and this one together."""

    def __init__(self, mode: str, settings: Settings, writer: Writer, clock: Clock) -> None:
        self.mode = mode
        self._settings = settings
        self._conditions = digest_of(settings)
        self._clock = clock
        self._began_ns = self._noted_ns = clock.now_ns()
        self._before_ns = {one: int(writer.fact(ran_key(one, self._conditions)) or 0) for one in ("paper", "live")}

    @property
    def canary_ns(self) -> int:
        """What is left of the first hour live; 0 in every other mode."""
        if self.mode != "live":
            return 0
        return max(0, self._settings.engine.arming.canary_s * _S - self._before_ns["live"])

    def require_paper(self) -> None:
        """Refuse live where all this has not been on paper long enough. Raises CommandError (exit 6)."""
        wanted_ns, ran_ns = self._settings.engine.arming.paper_s * _S, self._before_ns["paper"]
        if ran_ns >= wanted_ns:
            return
        raise CommandError(
            "refused",
            f"this code, strategy and these limits ({self._conditions}) were on paper for {_hours(ran_ns)} "
            f"of {_hours(wanted_ns)} h",
            "run them on paper with the same database: keel run --mode paper; or lower arming.paper_s",
        )

    def note(self, tell: Callable[[Message], object], settings: Callable[[], Settings], *, last: bool = False) -> None:
        """Say once a minute, and at the end, how long it has been by now.

        A limit that is changed meanwhile ends it: what comes after counts for others, from the next start.
        """
        now_ns = self._clock.now_ns()
        if not last and now_ns - self._noted_ns < _NOTED_EVERY_NS:
            return
        if list(_limits(settings())) != list(_limits(self._settings)):
            return
        self._noted_ns = now_ns
        ran_ns = self._before_ns.get(self.mode, 0) + now_ns - self._began_ns
        tell(RanUnder(self.mode, self._conditions, ran_ns, now_ns))


def _hours(ns: int) -> str:
    return f"{ns / 3_600 / _S:.1f}"


@cache
def _code(root: Path) -> tuple[str, ...]:
    """Return the digest of every file that decides. What was loaded stays as it is, whatever becomes of the files."""
    files = (path for package in _DECIDE for path in sorted((root / package).rglob("*.py")))
    return tuple(f"{path.relative_to(root)} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files)


def _limits(settings: Settings) -> Iterator[str]:
    for path in sorted({path for control in CONTROLS.values() for path in control.parameters}):
        section, name = path.split(".")
        yield f"{path} {getattr(getattr(settings.engine, section), name)}"
