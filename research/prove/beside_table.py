"""How a comparison of paper with live is written down: a table for people, a document for scripts."""

from collections.abc import Iterator
from dataclasses import asdict
from statistics import mean
from typing import Any, Final

from research.prove.beside import OPTIMISM_MAX, SCHEMA, Report
from research.prove.beside_fills import MARK_OUT_S

_FIGURES: Final = ("orders", "rested_s", "bid_fills", "ask_fills", "shares", "ease", "wait_s", "mark_out")
_TITLES: Final = (
    "orders",
    "rested s",
    "bid fills",
    "ask fills",
    "shares",
    "a minute",
    "wait s",
    f"mark-out {MARK_OUT_S:g} s, c",
)


def lines(report: Report) -> Iterator[str]:
    """The table: for each seed what paper and live did, then the means and by how much paper is ahead."""
    yield f"{report.profile}, {report.minutes:g} minutes, {len(report.pairs)} seeds; the outside does not react"
    yield _line("seed", "", _TITLES)
    for pair in report.pairs:
        for where, trading in (("paper", pair.paper), ("live", pair.live)):
            yield _line(str(pair.seed), where, [_number(getattr(trading, figure)) for figure in _FIGURES])
    means = {where: [report.mean(where, figure) for figure in _FIGURES] for where in ("paper", "live")}
    for where, values in means.items():
        yield _line("mean", where, [_number(value) for value in values])
    apart = [
        f"{ours - theirs:+.2f}" if figure == "mark_out" else f"{ours / theirs - 1:+.1%}" if theirs else "-"
        for figure, ours, theirs in zip(_FIGURES, means["paper"], means["live"], strict=True)
    ]
    yield _line("paper", "ahead", apart)
    said = "paper is not filled more easily than live" if report.holds else "paper is filled more easily than live"
    yield f"shares a minute {report.optimism:+.1%} (allowed {OPTIMISM_MAX:+.0%}, noise {report.noise:.1%}): {said}"


def document(report: Report) -> dict[str, Any]:
    """The same for scripts. Waits in seconds, mark-outs in cents per share, both weighted by shares.

    `ease`: shares that were filled for each minute that an order stood.
    """
    return {
        "schema": SCHEMA,
        "profile": report.profile,
        "minutes": report.minutes,
        "holds": report.holds,
        "optimism": report.optimism,
        "noise": report.noise if len(report.pairs) > 1 else None,
        "seeds": [asdict(pair) for pair in report.pairs],
        "mean": {
            where: {figure: mean(report.values(where, figure)) for figure in _FIGURES} for where in ("paper", "live")
        },
    }


def _line(seed: str, where: str, values: "list[str] | tuple[str, ...]") -> str:
    return f"{seed:<6} {where:<6}" + "".join(
        f"{value:>18}" if i == 7 else f"{value:>11}" for i, value in enumerate(values)
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
