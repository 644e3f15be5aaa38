"""The monitor as one frame of text, for a cron job or a bug report."""

from typing import Final

from surfaces.cli.output import Document, Text
from surfaces.texts import MARKET_COLUMNS, alarms, status_lines

_LOG_LINES: Final = 20


def frame_text(board: Document) -> Text:
    """Return header, markets and the newest log lines of a `keel.board/1` document."""
    lines = [*status_lines(board), ""]
    return Text(
        lines, MARKET_COLUMNS, board["markets"], ["", *map(log_text, board["log"][-_LOG_LINES:])], alarms(board)
    )


def log_text(line: Document) -> str:
    """Return an event as one line: `14:03:21.120 | SUCCESS | fed-cut-jan | filled NO 5 @ 0.510`."""
    return f"{line['at'][11:23]} | {line['level']:<7} | {line['market'] or '-'} | {line['text']}"
