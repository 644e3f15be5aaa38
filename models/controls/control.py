"""What a risk control is, what it says of itself, and what a family of them has to offer the risk supervisor.

Why families and not one long list of checks: what belongs together (the pace of orders, losses, what a fill was worth
afterwards) shares what it counts. Why a control is declared beside the code that enforces it: its name is the word of
every refusal, so that `keel risk` and `keel why` can say how the number was computed without knowing any family.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypeAlias

from models.messages.base import Message
from models.messages.control import Reading
from models.messages.orders import PlaceOrder

if TYPE_CHECKING:
    from models.engine import EngineParameters

Blocks: TypeAlias = Literal["open", "all"]
"""What a control stops: orders that could raise what can be lost, or every order. No control stops a cancel."""


class Refusal(NamedTuple):
    """The control that refuses an intent, and its numbers in words."""

    reason: str
    detail: str


class Control(NamedTuple):
    """One control of the table. `name` is the reason of a refusal, or the source of a cell that it raises.

    `computed` says how the number comes about, `then` what follows when it is beyond the limit, `parameters` the
    configuration paths of what can be set.
    """

    name: str
    stage: Literal["before", "meanwhile", "after"]
    blocks: Blocks
    then: str
    computed: str
    parameters: tuple[str, ...]


class Guard:
    """A family of controls, which overrides what it needs. Pure, like the machine that asks it.

    `hears` are the messages it is told, `timer` the name of its own timer: it returns `WakeAt(at_ns, timer)` and is
    told when that comes. Cells (`RaiseCell`) and kills (`Kill`) that it returns are applied, whatever else is sent on.
    """

    controls: ClassVar[tuple[Control, ...]] = ()
    hears: ClassVar[tuple[type[Message], ...]] = ()
    timer: ClassVar[str] = ""

    def refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...], opens: bool, now_ns: int) -> Refusal | None:
        """Return the first control that refuses an intent, None where all pass.

        `before` are the legs of its bundle that count as approved already. `opens`: it could raise what can be lost.
        """
        return None

    def approved(self, order: PlaceOrder, now_ns: int) -> None:
        """Count an intent that every control has let pass."""

    def heard(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        """Take in a message of one of the kinds that it hears; exposures have been told of it already."""
        return ()

    def woke(self, now_ns: int) -> tuple[Message, ...]:
        """Do what was waiting for its timer."""
        return ()

    def recall(self, entry: Any, at_ns: int) -> tuple[Message, ...]:
        """Learn from an entry of the journal what it said at that time; of what it returns only the cells are taken."""
        return ()

    def recalled(self, now_ns: int) -> tuple[Message, ...]:
        """Return what has to be said, and asked of the timer, now that all is recalled."""
        return ()

    def changed(self, parameters: "EngineParameters") -> None:
        """Go by other parameters from now on; what was counted stays. Who does not override this goes on as it is."""

    def readings(self, now_ns: int) -> Iterable[Reading]:
        """Say where each control stands."""
        return ()
