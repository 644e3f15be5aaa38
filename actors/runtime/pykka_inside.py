"""Everything of pykka that is private and that the runtime relies on, imported in one place.

Why private names at all: `_create_actor_inbox`, `_create_future` and `_start_actor_loop` are pykka's own extension
points "for implementors of new actor types", and the objects that pass through them (`Envelope`, `_ActorStop`) have no
public name. pykka is pinned to 4.5, and `tests/actors/runtime/test_pykka.py` restates each behaviour used here.
"""

from pykka._envelope import Envelope
from pykka.messages import _ActorStop as ActorStop  # pyright: ignore[reportPrivateUsage]

__all__ = ["ActorStop", "Envelope"]
