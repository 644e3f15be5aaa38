"""The file that keeps a kill over every end of the process: written whole, read as closed whatever stands in it."""

import fcntl
import os
from pathlib import Path
from threading import Event, get_ident

from msgspec import json

from actors.runtime.clock import monotonic_ns
from models.text import clean
from models.words import rfc3339


def read_latch(latch: Path) -> str | None:
    """Return why everything was killed, None where the file is not there.

    One that cannot be read is a closed latch: nobody knows what it said. One that was being lifted when the process
    ended counts: nobody has looked yet whether it was the one that was meant.
    """
    for file in (latch, _aside(latch)):
        try:
            written = file.read_bytes()
            break
        except FileNotFoundError:
            pass
        except OSError as error:
            return f"the latch {latch.name} cannot be read: {error.strerror}"
    else:
        return None
    try:
        return clean(json.decode(written, type=dict[str, str]).get("reason") or "", 200) or "kill"
    except ValueError:
        return "kill"


def read_author(latch: Path) -> str:
    """Return who has written the file; empty where it is not there or does not say so."""
    try:
        return clean(json.decode(latch.read_bytes(), type=dict[str, str]).get("who") or "", 100)
    except (OSError, ValueError):
        return ""


def write_latch(latch: Path, reason: str, who: str, now_ns: int) -> None:
    """Write the file so that a loss of power finds all of it or none. Raises OSError."""
    latch.parent.mkdir(parents=True, exist_ok=True)
    part = latch.with_name(f"{latch.name}.{os.getpid()}-{get_ident()}.part")  # several may kill at once
    try:
        with part.open("wb") as file:
            file.write(json.encode({"reason": reason, "who": who, "at": rfc3339(now_ns)}) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(latch)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(latch.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def which(latch: Path) -> tuple[int, int] | None:
    """Return what tells this file from every other kill's, None where it is not there. Raises OSError."""
    try:
        found = os.lstat(latch)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def lift_latch(latch: Path, known: tuple[int, int] | None) -> bool:
    """Take away the file that was known; False where it is another one by now, which stays. Raises OSError: it stays.

    It is moved aside before it is looked at: whoever leaves a file meanwhile leaves a new one.
    """
    aside = _aside(latch)
    try:
        latch.rename(aside)
    except FileNotFoundError:
        if known is None:
            aside.unlink(missing_ok=True)
        return known is None
    try:
        if which(aside) == known:
            aside.unlink()
            return True
        return False
    finally:
        if os.path.lexists(aside):
            aside.rename(latch)


def kill_from_outside(latch: Path, reason: str, who: str, now_ns: int, within_s: float) -> bool:
    """Kill an engine whose process is not ours; False where an order hangs in its gate. Raises OSError.

    Its engine may just be lifting an older kill, whose file then goes. So a file that stands is touched, by which it is
    no longer the one that was known when the lifting began, and is looked for again in the end.
    """
    while True:
        try:
            os.utime(latch)
        except OSError:
            write_latch(latch, reason, who, now_ns)
        if not nobody_passes(latch, within_s):
            return False
        if os.path.lexists(latch):
            return True


def nobody_passes(latch: Path, within_s: float) -> bool:
    """Wait until no order is on its way out past the latch; False where one hangs there.

    Every gate holds the folder of its latch while an order passes, and looks at the latch before. So whoever has
    written the latch, and then had the folder for a moment, knows that no order leaves any more.
    """
    folder, until_ns, waiting = os.open(latch.parent, os.O_RDONLY), monotonic_ns() + int(within_s * 1e9), Event()
    try:
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if monotonic_ns() > until_ns:
                    return False
                waiting.wait(0.005)
            else:
                return True
    finally:
        os.close(folder)


def _aside(latch: Path) -> Path:
    """Where a file stands while it is being lifted."""
    return latch.with_name(f"{latch.name}.lifted")
