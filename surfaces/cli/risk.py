"""`keel risk`: what every control measures, holds and blocks, and which limit binds first."""

from typing import Annotated

from cyclopts import Parameter

from surfaces.cli.observe import Watch, show
from surfaces.cli.options import DEFAULTS, Options

All = Annotated[
    bool, Parameter(name="--all", negative="", help="Every market's own row, not only the one nearest to its limit.")
]


def controls(
    market: str | None = None, /, *, every: All = False, watch: Watch = None, options: Options = DEFAULTS
) -> int:
    """Show where every risk control stands: its number against its limit, what it blocks, and what it holds now."""
    from surfaces.risk_texts import controls_text

    return show(
        options,
        watch,
        lambda client: client.get("/v1/risk", market=market),
        lambda document: controls_text(document, every=every or market is not None),
    )


def explain(market: str | None = None, /, *, watch: Watch = None, options: Options = DEFAULTS) -> int:
    """Say for each market which limits bind first: how many more orders of its size each lets pass."""
    from surfaces.risk_texts import binding_text

    return show(options, watch, lambda client: client.get("/v1/risk/explain", market=market), binding_text)
