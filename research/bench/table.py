"""The table of measurements: what was measured over several rounds, what was wanted, and whether it was reached.

Why medians of ratios: on a shared machine the same loop moves by a factor of two between runs. So every round measures
both sides in turn, makes one ratio of them, and the table shows how far these ratios lie apart.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

Round = Mapping[str, float]
"""What one round found, by the names of the figures."""

SCHEMA: Final = "keel.bench/1"


@dataclass(frozen=True)
class Figure:
    """One figure of a measurement, with its target or, where it is told for its own sake, none."""

    name: str
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def target(self) -> str:
        """The target as people read it, empty where there is none."""
        if self.at_least is not None:
            return f">= {_number(self.at_least)}"
        return f"<= {_number(self.at_most)}" if self.at_most is not None else ""

    def holds(self, value: float) -> bool:
        """Whether a value reaches the target."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


@dataclass(frozen=True)
class Measurement:
    """One row: its id, what is measured, its figures, and how one round is taken (told whether to be quick).

    `rounds_max` bounds the rounds of a row that takes long.
    """

    id: str
    what: str
    figures: tuple[Figure, ...]
    take: Callable[[bool], Round]
    rounds_max: int = 100


@dataclass(frozen=True)
class Row:
    """What came of a measurement: its rounds, or why there are none."""

    measurement: Measurement
    rounds: Sequence[Round] = ()
    skipped: str = ""
    failed: str = ""

    @property
    def verdict(self) -> str:
        """`ok`, `miss`, `skipped`, `failed`; empty where nothing was wanted."""
        if self.skipped or self.failed:
            return "skipped" if self.skipped else "failed"
        wanted = [figure for figure in self.measurement.figures if figure.target]
        return ("ok" if all(figure.holds(self._median(figure)) for figure in wanted) else "miss") if wanted else ""

    def document(self) -> dict[str, Any]:
        """Return the row for scripts."""
        return {
            "id": self.measurement.id,
            "what": self.measurement.what,
            "verdict": self.verdict or None,
            "rounds": len(self.rounds),
            "figures": [self._figure(figure) for figure in self.measurement.figures] if self.rounds else [],
            "note": self.skipped or self.failed or None,
        }

    def lines(self) -> list[str]:
        """Return the row for people: what it is, then one line a figure."""
        measurement = self.measurement
        if not self.rounds:
            note = f"  {self.verdict}: {self.skipped or self.failed}"
            return [_line(measurement.id, measurement.what), _line("", note)]
        lines = [_line(measurement.id, measurement.what)]
        for figure in measurement.figures:
            verdict = "" if not figure.target else "ok" if figure.holds(self._median(figure)) else "miss"
            spread = [_number(value) for value in self._spread(figure)]
            values = " / ".join(spread) if len(set(spread)) > 1 else spread[0]
            text = f"  {figure.name.replace('_', ' ')}"
            lines.append(_line("", text, f"{values} {figure.unit}".rstrip(), figure.target, verdict))
        return lines

    def _figure(self, figure: Figure) -> dict[str, Any]:
        low, middle, high = self._spread(figure)
        return {
            "name": figure.name,
            "unit": figure.unit,
            "min": low,
            "median": middle,
            "max": high,
            "target": figure.target or None,
            "ok": figure.holds(middle) if figure.target else None,
        }

    def _spread(self, figure: Figure) -> tuple[float, float, float]:
        values = [one[figure.name] for one in self.rounds]
        return min(values), self._median(figure), max(values)

    def _median(self, figure: Figure) -> float:
        return median(one[figure.name] for one in self.rounds)


TITLE: Final = ("id", "what", "min / median / max", "target", "")


def title() -> str:
    """Return the line above the rows."""
    return _line(*TITLE)


def _line(name: str, what: str, values: str = "", target: str = "", verdict: str = "") -> str:
    return f"{name:<7} {what:<48} {values:<36} {target:<9} {verdict}".rstrip()


def _number(value: float) -> str:
    """Write a number with three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
