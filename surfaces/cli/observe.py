"""`status`, `why`, `book`: how a running engine stands."""

import time
from collections.abc import Callable
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from surfaces.cli.errors import Exit
from surfaces.cli.options import DEFAULTS, Options
from surfaces.cli.output import Column, Document, Output, Text
from surfaces.cli.session import connect
from surfaces.client import EngineClient

Watch = Annotated[
    float | None,
    Parameter(help="Again and again, every so many seconds (2 without a number).", validator=Number(gt=0)),
]


def status(market: str | None = None, /, *, watch: Watch = None, options: Options = DEFAULTS) -> int:
    """Show how the engine and its markets stand: states, profit, orders, errors."""
    from surfaces.texts import status_text

    return show(options, watch, lambda client: client.get("/v1/status", market=market), status_text)


def why(market: str | None = None, /, *, options: Options = DEFAULTS) -> int:
    """Say why a market (or each) is quoted as it is, or not: all gates with their figures, quotes, the naked leg."""
    from surfaces.texts import left_out

    def text(document: Document) -> Text:
        return Text(
            [line for one in document["explanations"] for line in one["text"].splitlines()], tail=left_out(document)
        )

    return show(options, None, lambda client: client.get("/v1/why", market=market), text)


def book(
    market: str,
    /,
    *,
    depth: Annotated[
        int | None, Parameter(help="Levels of each side; all in JSON, else 10.", validator=Number(gte=1))
    ] = None,
    watch: Watch = None,
    options: Options = DEFAULTS,
) -> int:
    """Show the book of a market's two tokens, our own orders taken out."""
    from urllib.parse import quote

    shown = depth or (None if options.format == "json" else 10)
    route = f"/v1/markets/{quote(market, safe='')}/book"
    return show(options, watch, lambda client: client.get(route, depth=shown), _book_text)


def show(
    options: Options,
    watch: float | None,
    ask: Callable[[EngineClient], Document],
    text: Callable[[Document], Text],
) -> int:
    """Ask a running engine for a document and write it, again every `watch` seconds."""
    output = Output(options)
    with connect(options) as client:
        while True:
            document = ask(client)
            output.show(document, text(document), streaming=watch is not None)
            if watch is None:
                return Exit.OK
            time.sleep(watch)


def _book_text(document: Document) -> Text:
    """Set both tokens beside each other, best levels first."""
    ladders = [document[token][side] for token in ("yes", "no") for side in ("bids", "asks")]
    rows = [
        {str(at): ladder[level] if level < len(ladder) else ("", "") for at, ladder in enumerate(ladders)}
        for level in range(max((len(ladder) for ladder in ladders), default=0))
    ]
    titles = (("YES SIZE", "BID"), ("SIZE", "ASK"), ("NO SIZE", "BID"), ("SIZE", "ASK"))
    columns = [
        column
        for at, (size, price) in enumerate(titles)
        for column in (
            Column(size, lambda row, at=str(at): row[at][1], "right"),
            Column(price, lambda row, at=str(at): row[at][0], "right"),
        )
    ]
    unusable = f"   not usable: {document['unusable']}" if document["unusable"] else ""
    return Text([f"{document['slug']}  tick {document['tick']}{unusable}"], columns, rows)
