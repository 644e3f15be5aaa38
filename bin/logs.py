"""Where log lines go: short lines on stderr, whole files beside the data, one JSON object per event."""

import sys
from pathlib import Path

from loguru import logger

_CONSOLE = "{time:YYYY-MM-DD HH:mm:ss.SSS} | {level: <8} | {extra} {message}"
_FILE = "{time:YYYY-MM-DD HH:mm:ss.SSS} | {level: <8} | {module}:{function}:{line} | {extra} {message}"


def log_to(folder: Path | None, level: str) -> None:
    """Log from `level` on to stderr, and everything from INFO on to files in a folder, rotated and zipped."""
    logger.remove()
    logger.add(sys.stderr, level=level, format=_CONSOLE, backtrace=False, diagnose=False)
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    kept = {"rotation": "100 MB", "retention": "30 days", "compression": "zip", "enqueue": True, "diagnose": False}
    logger.add(folder / "keel.log", level="INFO", format=_FILE, **kept)
    logger.add(folder / "events.jsonl", level="INFO", serialize=True, **kept)
