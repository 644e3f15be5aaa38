"""Whether a mean is below zero by more than chance: weighted marks of fills, of which those close together are one.

Why fills of one moment are one sample: a single move of the price marks all of them alike. Taken one by one, one sweep
through five orders would look like five times the same bad luck.
"""

from collections import deque
from math import sqrt
from typing import Final

_MOST_SIGMAS: Final = 99.0
"""What is said of a mean that all samples agree on."""


class Running:
    """A weighted mean since the beginning."""

    __slots__ = ("count", "total", "weight")

    def __init__(self) -> None:
        self.count = 0
        self.weight = 0
        self.total = 0

    def add(self, value: int, weight: int) -> None:
        """Count a value."""
        self.count += 1
        self.weight += weight
        self.total += weight * value

    @property
    def mean(self) -> float:
        """Return the mean; there is one from the first value on."""
        return self.total / self.weight


class Samples:
    """The latest `most` samples; values within `apart_ns` of the beginning of one belong to it."""

    def __init__(self, most: int, apart_ns: int) -> None:
        self._apart_ns = apart_ns
        self._samples: deque[Running] = deque(maxlen=most)
        self._began_ns = 0

    def __len__(self) -> int:
        return len(self._samples)

    def add(self, value: int, weight: int, at_ns: int) -> None:
        """Take in a value of a time; times do not go back."""
        if not self._samples or at_ns - self._began_ns >= self._apart_ns:
            self._samples.append(Running())
            self._began_ns = at_ns
        self._samples[-1].add(value, weight)

    def clear(self) -> None:
        """Begin anew."""
        self._samples.clear()

    @property
    def mean(self) -> float:
        """Return the mean of all, by weight; there is one from the first sample on."""
        return sum(sample.total for sample in self._samples) / self._weight

    @property
    def sigmas_below_zero(self) -> float:
        """Return by how many standard errors the mean is below zero, negative where it is above; 0 of one sample."""
        count = len(self._samples)
        if count < 2:
            return 0.0
        mean = self.mean
        squares = sum((sample.weight * (sample.mean - mean)) ** 2 for sample in self._samples)
        error = sqrt(squares * count / (count - 1)) / self._weight
        if abs(mean) >= _MOST_SIGMAS * error:
            return 0.0 if mean == 0 else -_MOST_SIGMAS if mean > 0 else _MOST_SIGMAS
        return -mean / error

    @property
    def _weight(self) -> int:
        return sum(sample.weight for sample in self._samples)
