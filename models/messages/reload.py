"""What machines are told when the configuration was read anew."""

from collections.abc import Hashable
from typing import Any, ClassVar, TypeVar

import msgspec

from models.messages.base import Lane, Message

Section = TypeVar("Section", bound=msgspec.Struct)


class ParametersChanged(Message, frozen=True):
    """Go by these parameters from now on. `sections` are all those of the engine, in the order of its fields.

    Why the sections and not the struct that holds them: that one knows every machine, and the machines read this. Why
    all of them: a machine that dies on it is built anew from the same, so no half of it can be in force.
    """

    lane: ClassVar[Lane] = Lane.CONTROL
    sections: tuple[Any, ...]

    @property
    def key(self) -> Hashable:
        return "parameters"

    def of(self, kind: type[Section]) -> Section:
        """Return the section of a kind."""
        return next(section for section in self.sections if isinstance(section, kind))
