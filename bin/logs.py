"""Where log lines go: short lines on stderr, whole files beside the data, one JSON object per event.

Why all is escaped here though text from outside was cleaned where it came in: what a library says in an exception was
not. A line that it could begin would be a line that we never wrote, and an escape sequence would command the terminal
of whoever reads the file.
"""

import json
import logging
import os
import sys
import threading
import warnings
from datetime import UTC
from pathlib import Path
from traceback import format_exception
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from loguru import logger

from actors.venues.redaction import redacted
from models.snapshot import LogLine
from models.text import escaped

if TYPE_CHECKING:
    from loguru import Record

_SUBJECTS: Final = ("market", "actor")
"""What a line is about: the first of these that it is bound to."""
_QUIET: Final = (
    "asyncio", "httpcore", "httpx", "peewee", "urllib3", "uvicorn", "uvicorn.access", "uvicorn.error", "websocket",
)  # fmt: skip
"""Loggers of libraries that tell URLs, headers or parameters below WARNING."""
_LEVELS: Final = frozenset({logging.WARNING, logging.ERROR, logging.CRITICAL})
_TOO_LONG: Final = frozenset({"stack"})


def log_to(folder: Path | None, level: str) -> None:
    """Log from `level` on to stderr, and everything from DEBUG on to files in a folder, rotated and zipped.

    The files are their user's alone. What libraries log, and what nobody catches, goes the same way.
    """
    logger.remove()
    _guard()
    logger.add(sys.stderr, level=level, format=_line, backtrace=False, diagnose=False)
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    kept: dict[str, Any] = {"rotation": "100 MB", "retention": "30 days", "compression": "zip", "enqueue": True}
    kept["opener"] = _open_own
    logger.add(folder / "keel.log", level="DEBUG", format=_line, diagnose=False, **kept)
    logger.add(folder / "events.jsonl", level="DEBUG", format=_object, diagnose=False, **kept)


def log_event(line: LogLine) -> None:
    """Log what the board says has happened. An error inside is not said again: who found it has, with its traceback."""
    if line.level != "ERROR" or line.slug:
        subject = {"market": line.slug} if line.slug else {"actor": "board"}
        logger.bind(**subject).log(line.level, "{}", line.text)


class _Forward(logging.Handler):
    """Takes what libraries log, from WARNING on, whatever they set themselves to."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record as ours."""
        bound = logger.opt(exception=record.exc_info).bind(actor=record.name)
        bound.log(record.levelname if record.levelno in _LEVELS else "WARNING", "{}", record.getMessage())


def _guard() -> None:
    """Bring into our log what libraries log, what nobody caught, and what is warned of."""
    root = logging.getLogger()
    if not any(isinstance(handler, _Forward) for handler in root.handlers):
        root.addHandler(_Forward(logging.WARNING))
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    sys.excepthook = _uncaught
    threading.excepthook = lambda failed: _uncaught(failed.exc_type, failed.exc_value, failed.exc_traceback)
    warnings.showwarning = _warned


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if not issubclass(kind, SystemExit):
        logger.opt(exception=(kind, error or kind(), trace)).critical("nobody caught {}", kind.__name__)


def _warned(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object) -> None:
    logger.warning("{}: {} ({}:{})", category.__name__, message, filename, lineno)


def _line(record: "Record") -> str:
    """Return the template `time | LEVEL | what it is about | message figures` of one line."""
    bound = record["extra"]
    subject = next((str(bound[name]) for name in _SUBJECTS if name in bound), "engine")
    said_already = (*_SUBJECTS, *_TOO_LONG)
    figures = "".join(f"  {name}={value}" for name, value in bound.items() if name not in said_already)
    told = escaped(f"{subject} | {record['message']}{figures}")
    # Set in, so that no line of an exception looks like one of ours.
    trace = "".join(f"\n    {escaped(line)}" for line in _trace(record).splitlines())
    return "{time:YYYY-MM-DD HH:mm:ss.SSS} | <level>{level: <8}</level> | " + _field(record, "line", told + trace)


def _object(record: "Record") -> str:
    """Return a line as one JSON object: when, how grave, what, and all that it is bound to."""
    said: dict[str, Any] = {
        "at": record["time"].astimezone(UTC).isoformat(timespec="milliseconds"),
        "level": record["level"].name,
        "message": record["message"],
        **record["extra"],
    }
    if trace := _trace(record):
        said["exception"] = trace
    return _field(record, "object", escaped(_json(said)))


def _json(said: dict[str, Any]) -> str:
    try:
        return msgspec.json.encode(said, enc_hook=str).decode()
    except UnicodeEncodeError:  # a half of a surrogate pair, which a file name may have
        return json.dumps(said, default=str)


def _trace(record: "Record") -> str:
    """Return the traceback of what a line reports; empty where it reports none."""
    error = record["exception"]
    return "".join(format_exception(error.value)) if error is not None and error.value is not None else ""


def _field(record: "Record", name: str, text: str) -> str:
    """Return the template that stands for a text: in a template itself it could be a field, or a mark of colours.

    Every line passes here, so this is where no secret passes.
    """
    cast("dict[str, Any]", record)[name] = redacted(text)
    return f"{{{name}}}\n"


def _open_own(path: str, flags: int) -> int:
    """Open a file of ours for its user alone, though it is there already with another mode; no link is followed."""
    file = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    os.fchmod(file, 0o600)
    return file
