"""One side of a book at a moment: immutable, cheap to share between actors, read by price.

Why not a plain dict in the message: a trace must encode to the same bytes on every run, and the encoder orders only
string keys; this class says how it is written down (`written`).
"""

from collections.abc import Iterator

from models.units import Price, Size


class Depth:
    """Sizes by price of one side of a book. Nobody changes `sizes` after it was handed in."""

    __slots__ = ("sizes",)

    def __init__(self, sizes: dict[Price, Size]) -> None:
        self.sizes = sizes

    def size_at(self, price: Price) -> Size:
        """Return the size resting at a price, 0 where there is none."""
        return self.sizes.get(price, 0)

    def descending(self) -> Iterator[tuple[Price, Size]]:
        """Walk from the highest price down: bids, best first."""
        return iter(sorted(self.sizes.items(), reverse=True))

    def ascending(self) -> Iterator[tuple[Price, Size]]:
        """Walk from the lowest price up: asks, best first."""
        return iter(sorted(self.sizes.items()))

    def written(self) -> list[tuple[Price, Size]]:
        """Return the levels in ascending price order, the form of the trace."""
        return sorted(self.sizes.items())

    def __len__(self) -> int:
        return len(self.sizes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Depth) and self.sizes == other.sizes

    def __hash__(self) -> int:
        return hash(tuple(self.written()))

    def __repr__(self) -> str:
        return f"Depth({self.sizes!r})"


EMPTY = Depth({})
