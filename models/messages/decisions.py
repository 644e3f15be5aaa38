"""What a coordinator decided and why, in a form that people, the journal and the portal read alike.

Why gates and not text: the same figures go to a terminal, a browser and a test. Each gate carries its value, the
threshold it was held against and the unit; words are made at the edge.
"""

from collections.abc import Hashable
from typing import ClassVar

import msgspec

from models.cells import TradingState
from models.markets import Outcome, Side
from models.messages.base import Lane, MarketId, Message, Tag
from models.messages.control import CellNote
from models.units import Money, Price, Size


class Gate(msgspec.Struct, frozen=True, gc=False):
    """One condition, in the order in which it is asked.

    `unit` says how to read the figures: `price`, `size`, `money`, `ms`, `percent_e4`, or `` for a bare number. `blocks`
    is what it stops when it fails: `all`, `open`, `yes`, `no`, or `` for information only.
    """

    name: str
    passed: bool
    value: int | None = None
    threshold: int | None = None
    unit: str = ""
    blocks: str = "all"
    note: str = ""


class QuoteNote(msgspec.Struct, frozen=True, gc=False):
    """Where a wanted or working quote stands against the touch of its token's net book.

    `ticks_from_touch`: 0 joins, positive improves, negative is behind. `ahead` is what rests at better prices and at
    its own: the most that can trade before it. `formula` says how the price came about. `touch` is that token's best
    price on the quote's side, None where there is none.
    """

    outcome: Outcome
    side: Side
    price: Price
    size: Size
    state: str
    reason: str
    ticks_from_touch: int
    ahead: Size
    formula: str = ""
    touch: Price | None = None


class NakedLeg(msgspec.Struct, frozen=True, gc=False):
    """The unpaired quantity of a market: its age, its cost, and what finishing or leaving it would cost now.

    `hedge_ticks_behind` is how far the wanted hedge stands behind the touch; None: no hedge is possible. Losses are
    negative money. Costs to finish are per pair prices (our leg's average plus the other leg). `missing_ask` is what a
    taker would pay for the other leg before the fee, None where there is no ask.
    """

    outcome: Outcome
    shares: Size
    average: Price
    age_ms: int
    mid: Price | None
    unrealized: Money | None
    worst_case: Money
    hedge_price: Price | None
    hedge_ticks_behind: int | None
    finish_maker_price: Price | None
    finish_maker_profit: Money | None
    finish_taker_price: Price | None
    finish_taker_profit: Money | None
    policy: str
    missing_ask: Price | None = None


class RefusalNote(msgspec.Struct, frozen=True, gc=False):
    """A wish that was refused and has not been made again: by a risk control, or by the venue (`control` empty)."""

    outcome: Outcome
    side: Side
    control: str
    detail: str


class Explanation(msgspec.Struct, frozen=True, gc=False):
    """How a market stands with a desk: its phase, the ordered gates, the quotes, the naked leg, the cells, refusals."""

    tag: Tag
    market: MarketId
    slug: str
    at_ns: int
    phase: str
    state: TradingState
    reason: str
    gates: tuple[Gate, ...]
    quotes: tuple[QuoteNote, ...]
    naked: NakedLeg | None
    cells: tuple[CellNote, ...]
    notes: tuple[str, ...] = ()
    refusals: tuple[RefusalNote, ...] = ()


class DecisionMade(Message, frozen=True, gc=False):
    """A coordinator's targets, or the reason for them, changed."""

    lane: ClassVar[Lane] = Lane.MARKET
    tag: Tag
    market: MarketId
    sequence: int
    on_synthetic_proof: bool
    explanation: Explanation

    @property
    def key(self) -> Hashable:
        return (self.tag, self.market)


class Explained(Message, frozen=True, gc=False):
    """The answer to `Explain`."""

    lane: ClassVar[Lane] = Lane.ORDER
    request: str
    explanation: Explanation
