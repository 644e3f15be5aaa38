"""Who may say what: one table of every command, read by the bus, by the server's routes and by the docs.

Why three roles: a screen that many look at must not be able to trade; whoever watches at night has to be able to stop,
thin out and switch on again what was agreed; to raise what may be lost, or to lift a kill, is the owner's.

Why a viewer may kill: it is the one command that can only make things safer, at once and for everybody, and whoever
sees that something is wrong must not have to look for a colleague first. To lift it is the owner's alone.

Why a role can only be lowered: who we talk to is known from the system, which names the user at the other end of the
socket; our own user owns all that there is to protect. A surface that wants less than that says so, and is held to it.
"""

from collections.abc import Mapping
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Final

import msgspec


class Role(IntEnum):
    """What a caller may do; each may all that those before it may."""

    VIEWER = 0
    OPERATOR = 1
    OWNER = 2


ROLES: Final[Mapping[str, Role]] = MappingProxyType({role.name.lower(): role for role in Role})
"""The roles by the word that a surface says."""


class Asks(Enum):
    """When a person has to confirm a command."""

    NEVER = "never"
    LIVE = "in live"
    RISK = "where it adds risk"
    ALWAYS = "always"


class Rule(msgspec.Struct, frozen=True):
    """What holds for a command. `role` is the least that may say it, `adds_risk` the least where it adds risk.

    `changes`: it is audited, and carried out once. `early`: it may be said before risk knows what is held and open,
    since it can only make things safer; all others wait for that. `bare`: it needs no request id.
    """

    about: str
    role: Role = Role.VIEWER
    changes: bool = False
    asks: Asks = Asks.NEVER
    adds_risk: Role | None = None
    early: bool = False
    bare: bool = False


class Caller(msgspec.Struct, frozen=True):
    """Who says a command. `who` is the surface and its user's name as they call themselves.

    `uid` and `pid` are what the system says of the process at the other end of the socket, None inside the engine.
    `request` is the client's own name for this one call, empty inside the engine.
    """

    who: str
    role: Role = Role.OWNER
    uid: int | None = None
    pid: int | None = None
    request: str = ""

    @property
    def name(self) -> str:
        """Who it is: as they call themselves, and as the system knows them."""
        return self.who if self.uid is None else f"{self.who} uid {self.uid}"


def _operator(about: str, *, asks: Asks = Asks.NEVER, early: bool = False) -> Rule:
    return Rule(about, Role.OPERATOR, changes=True, asks=asks, early=early)


COMMANDS: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "status": Rule("How the engine and its markets stand."),
        "board": Rule("What the monitor draws, with the log since a line."),
        "markets": Rule("The markets with their states."),
        "market": Rule("All that is known of one market."),
        "book": Rule("The book of a market."),
        "why": Rule("Why a market is quoted as it is, or not."),
        "risk": Rule("Where every risk control stands."),
        "risk_explain": Rule("Which limits bind first."),
        "orders": Rule("The orders that may still fill."),
        "order": Rule("One of them."),
        "get": Rule("Values of the configuration, as the engine goes by them."),
        "kill_status": Rule("Whether it is killed, by what, why and since when."),
        "kill": Rule(
            "Let no order out any more, and cancel everything.", changes=True, early=True, bare=True
        ),
        "pause": _operator("Cancel all orders of a market or of all; place none.", early=True),
        "off": _operator("Switch markets off.", early=True),
        "cancel": _operator("Cancel orders.", early=True),
        "stop": _operator("End the engine in good order.", early=True),
        "reduce": _operator("Only lower what can be lost."),
        "resume": _operator("Lift a pause, a reduce or a flatten.", asks=Asks.LIVE),
        "flatten": _operator("Get rid of what is held, then halt.", asks=Asks.ALWAYS),
        "on": _operator("Switch markets on."),
        "add": _operator("Trade a market too."),
        "remove": _operator("Forget a market that is off and flat."),
        "set": Rule(
            "Go by other values of the configuration, all of them or none.",
            Role.OPERATOR, changes=True, asks=Asks.RISK, adds_risk=Role.OWNER,
        ),
        "reload": Rule(
            "Read the configuration anew and go by it, as a whole or not at all.",
            Role.OPERATOR, changes=True, asks=Asks.RISK, adds_risk=Role.OWNER,
        ),
        "clear_kill": Rule("Lift a kill.", Role.OWNER, changes=True, asks=Asks.ALWAYS),
    }
)  # fmt: skip
"""Every command there is, by its verb."""


def may(caller: Caller, verb: str) -> bool:
    """Whether a caller may say a command at all."""
    return caller.role >= COMMANDS[verb].role


def may_add_risk(caller: Caller, verb: str) -> bool:
    """Whether a caller may have a command add risk."""
    least = COMMANDS[verb].adds_risk
    return least is None or caller.role >= least
