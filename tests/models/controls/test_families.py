"""What the table of controls says to others: what can be changed while it runs, and how a number is computed."""

from models.controls.control import Guard
from models.controls.families import CONTROLS, FAMILIES, changeable, how_computed
from models.engine import EngineParameters
from models.messages.runtime import Woke
from tests.models.supervisor import M, Supervisor
from tests.models.wishes import wish


def test_a_limit_can_be_changed_while_it_runs_only_if_every_family_that_goes_by_it_hears_of_it() -> None:
    able = changeable()
    deaf = {
        path for family in FAMILIES if family.changed is Guard.changed for c in family.controls for path in c.parameters
    }
    assert "risk.open_orders_per_market" in able
    assert not able & deaf
    assert "risk.open_orders_total" not in able, "how many unknown orders kill follows from it"
    assert not [path for path in able if path.startswith(("book.", "executor.", "flatten.", "marks.", "paper."))]


def test_how_a_number_is_computed_is_known_of_every_control_and_of_nothing_else() -> None:
    assert all(how_computed(name) for name in CONTROLS)
    assert how_computed("providing") == ""


class Idle(Guard):
    """A family that has nothing to say, and is told everything."""

    hears = (type(wish()), Woke)
    timer = "idle"


def test_a_family_that_overrides_nothing_changes_nothing() -> None:
    told, plain = Supervisor(guards=lambda _: (Idle(),)), Supervisor(guards=lambda _: ())
    order = told.order(0, 4_900)
    assert told.tell(order) == plain.tell(order) != ()
    assert told.tell(Woke("idle")) == ()
    assert told.place(0, 4_900, market=M) != "idle"
    idle = Idle()
    idle.changed(EngineParameters())
    assert (idle.recall(order, 0), idle.recalled(0), tuple(idle.readings(0))) == ((), (), ())
