"""How much may be lost before less is risked, or nothing any more: the limits, and what is said of a loss."""

from collections.abc import Iterator
from typing import Annotated, Final, NamedTuple

import msgspec

from models.cells import TradingState
from models.controls.control import Control
from models.messages.losses import Worth
from models.parameters import parameter
from models.units import Money
from models.words import money_text, rfc3339

SECOND_NS: Final = 1_000_000_000
HOUR_NS: Final = 3_600 * SECOND_NS
DAY_NS: Final = 24 * HOUR_NS


class LossParameters(msgspec.Struct, frozen=True):
    """How much may be lost before less is risked, or nothing any more."""

    hour_loss: Annotated[
        float,
        parameter("Part of the wallet lost in a UTC hour that leaves only reducing.", "ratio", gt=0, le=0.25),
    ] = 0.025
    day_loss: Annotated[
        float,
        parameter("Part of the wallet lost in a UTC day that leaves only reducing.", "ratio", gt=0, le=0.25),
    ] = 0.03
    day_loss_kill: Annotated[
        float,
        parameter("Part of the wallet lost in a UTC day that kills; at least `day_loss`.", "ratio", gt=0, le=0.25),
    ] = 0.05
    drawdown: Annotated[
        float, parameter("Part of the wallet lost since the highest point that kills.", "ratio", gt=0, le=0.5)
    ] = 0.08
    market_loss: Annotated[
        float, parameter("Part of the wallet lost in one market that halts it.", "ratio", gt=0, le=0.25)
    ] = 0.015
    market_halt_s: Annotated[
        int, parameter("A market with such a loss is halted for so long.", "seconds", ge=60, le=604_800)
    ] = 86_400
    clean_s: Annotated[
        int, parameter("So long without its loss ends the reducing before its hour or day.", "seconds", ge=1, le=86_400)
    ] = 300

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Yield each value that another one makes senseless, with what it should be."""
        if self.day_loss_kill < self.day_loss:
            yield "day_loss_kill", f"at least day_loss, which is {self.day_loss:g}: less is risked before nothing is"


class Rule(NamedTuple):
    """A limit on all markets together: what its loss is counted from, and what it does."""

    control: str
    baseline: str
    state: TradingState


PERIODS: Final = {"hour": HOUR_NS, "day": DAY_NS}
RULES: Final = (
    Rule("hour_loss", "hour", TradingState.REDUCING),
    Rule("day_loss", "day", TradingState.REDUCING),
    Rule("day_loss_kill", "day", TradingState.KILLED),
    Rule("drawdown", "peak", TradingState.KILLED),
)
MARKET_LOSS: Final = "market_loss"
NO_MARK: Final = "no_mark"

_COMPUTED: Final = "profit of all desks, realised and marked (pairs at a dollar, the rest at its bid), fees paid, since"

CONTROLS: Final = (
    Control(
        "hour_loss", "after", "open", "risk is only reduced until the next UTC hour, or `clean_s` without the loss",
        f"{_COMPUTED} the UTC hour began", ("risk.wallet_usd", "losses.hour_loss", "losses.clean_s"),
    ),
    Control(
        "day_loss", "after", "open", "risk is only reduced until the next UTC day, or `clean_s` without the loss",
        f"{_COMPUTED} 00:00 UTC", ("risk.wallet_usd", "losses.day_loss", "losses.clean_s"),
    ),
    Control(
        "day_loss_kill", "after", "all", "everything is killed until a person lifts it",
        f"{_COMPUTED} 00:00 UTC, or since a kill by a loss was lifted", ("risk.wallet_usd", "losses.day_loss_kill"),
    ),
    Control(
        "drawdown", "after", "all", "everything is killed until a person lifts it",
        f"{_COMPUTED} its highest point, or since a kill by a loss was lifted", ("risk.wallet_usd", "losses.drawdown"),
    ),
    Control(
        MARKET_LOSS, "after", "all", "the market is halted for `market_halt_s`",
        f"{_COMPUTED} the first fill in the market, or since the end of its last such halt",
        ("risk.wallet_usd", "losses.market_loss", "losses.market_halt_s"),
    ),
    Control(
        NO_MARK, "after", "all", "the market is halted until what is unpaired can be marked",
        "time since what is held unpaired could be sold into a good book: two-sided, mirrored, fresh, narrow and deep",
        ("marks.no_mark_after_ms", "marks.mark_max_spread"),
    ),
)  # fmt: skip


def state_of(control: str) -> TradingState:
    """Return the state of the cell that a control raises."""
    return next((rule.state for rule in RULES if rule.control == control), TradingState.HALTED)


def loss_text(control: str, change: Worth, since: str, limit: Money) -> str:
    """Write a loss against its limit: `day_loss: -31.20 since 00:00 UTC (realised ..., marked ...) <= -30.00`."""
    return f"{control}: {change_text(change, since)} <= {money_text(-limit)}"


def change_text(change: Worth, since: str) -> str:
    """Write what was won or lost, since when, and its parts."""
    parts = f"realised {money_text(change.realised)}, marked {money_text(change.marked)}"
    return f"{money_text(change.total)} since {since} ({parts})"


def time_text(at_ns: int, now_ns: int) -> str:
    """Write a time to the minute, with its day where that is another one: `00:00 UTC`, `2026-11-21 14:03 UTC`."""
    text = rfc3339(at_ns)
    day = "" if at_ns // DAY_NS == now_ns // DAY_NS else f"{text[:10]} "
    return f"{day}{text[11:16]} UTC"
