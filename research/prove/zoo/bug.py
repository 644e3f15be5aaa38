"""A planted bug: which places of the production code it breaks, and how, for as long as it is planted.

Why places are named and not imported: a bug breaks what is private on purpose, and a place that was renamed has to be
found by the test that resolves all of them, not by the person who runs the zoo.
"""

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from inspect import getattr_static
from typing import Any, TypeAlias

Breaks: TypeAlias = Callable[[Any], Any]
"""Is given what stands in a place, and returns what stands there while the bug is planted."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One place, such as `models.ledger:Ledger.book`, and what is put there."""

    at: str
    breaks: Breaks

    def place(self) -> tuple[Any, str, Any]:
        """Return the owner of the place, the name there, and what stands there. Raises ImportError, AttributeError."""
        module, _, path = self.at.partition(":")
        *owners, name = path.split(".")
        owner: Any = import_module(module)
        for each in owners:
            owner = getattr(owner, each)
        return owner, name, getattr_static(owner, name)

    @contextmanager
    def applied(self) -> Generator[None]:
        """Break it for a while."""
        owner, name, stood = self.place()
        inherited = name not in vars(owner)
        setattr(owner, name, self.breaks(stood))
        try:
            yield
        finally:
            if inherited:
                delattr(owner, name)
            else:
                setattr(owner, name, stood)


@dataclass(frozen=True, slots=True)
class Bug:
    """A mistake that somebody could have made. Where several layers stand against it, all of them make it."""

    name: str
    says: str
    patches: tuple[Patch, ...]

    @contextmanager
    def planted(self) -> Generator[None]:
        """Plant it for a while: what is built meanwhile has it."""
        with ExitStack() as planted:
            for patch in self.patches:
                planted.enter_context(patch.applied())
            yield


def bug(name: str, says: str, *patches: tuple[str, Breaks]) -> Bug:
    """Make a bug of places and what is put there."""
    return Bug(name, says, tuple(Patch(at, breaks) for at, breaks in patches))


def instead(value: Any) -> Breaks:
    """Put a function there that does nothing but return a value."""
    return lambda _: lambda *_, **__: value
