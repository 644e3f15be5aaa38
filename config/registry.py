"""Every key there is: the run's own, the endpoints, and one section for each struct of parameters of the engine.

Nothing is declared here. A key, its unit, its meaning, its bounds and its names in the environment stand on the field
of the struct that uses it; this module only looks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from config.run import AccountParameters, EndpointParameters, RunParameters, SignerParameters
from models.engine import EngineParameters
from models.parameters import Unit

ROOT: Final = ""
"""The section without a name: keys at the top of a file."""

PREFIX: Final = "KEEL_"

OUTSIDE: Final[Mapping[str, type[msgspec.Struct]]] = MappingProxyType(
    {"endpoints": EndpointParameters, "account": AccountParameters, "signer": SignerParameters}
)
"""Sections that no machine of the engine goes by."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it was declared. `path` is `section.name`, or the name alone at the top."""

    path: str
    section: str
    name: str
    unit: Unit
    description: str
    default: Any
    aliases: tuple[str, ...]
    """Names in the environment that other systems gave it."""
    choices: tuple[str, ...]
    optional: bool
    """Whether `null` is a value."""
    many: bool
    """Whether it takes a list."""
    ge: float | None
    gt: float | None
    le: float | None
    lt: float | None

    @property
    def own_name(self) -> str:
        """Its own name in the environment: `KEEL_MAKER__BID_SIZE`."""
        return PREFIX + self.path.replace(".", "__").upper()

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.aliases, self.own_name)


def _sections() -> dict[str, type[msgspec.Struct]]:
    engine = {field.name: field.type for field in msgspec.structs.fields(EngineParameters)}
    return {ROOT: RunParameters, **OUTSIDE, **engine}


def _keys() -> dict[str, Key]:
    return {
        key.path: key
        for section, struct in SECTIONS.items()
        for field in msgspec.structs.fields(struct)
        for key in (_key(section, struct, field),)
    }


def _key(section: str, struct: type[msgspec.Struct], field: msgspec.structs.FieldInfo) -> Key:
    declared = get_type_hints(struct, include_extras=True)[field.name]
    note = next((note for note in getattr(declared, "__metadata__", ()) if isinstance(note, msgspec.Meta)), None)
    if note is None or note.extra is None or note.description is None:
        raise TypeError(f"{struct.__name__}.{field.name} is not declared with `parameter(...)`")
    kind = get_args(declared)[0]
    optional = get_origin(kind) in (Union, UnionType) and NoneType in get_args(kind)
    return Key(
        path=f"{section}.{field.name}" if section else field.name,
        section=section,
        name=field.name,
        unit=note.extra["unit"],
        description=note.description,
        default=field.default,
        aliases=tuple(note.extra["env"]),
        choices=get_args(kind) if get_origin(kind) is Literal else (),
        optional=optional,
        many=get_origin(kind) is tuple,
        ge=note.ge,
        gt=note.gt,
        le=note.le,
        lt=note.lt,
    )


SECTIONS: Final[Mapping[str, type[msgspec.Struct]]] = MappingProxyType(_sections())
KEYS: Final[Mapping[str, Key]] = MappingProxyType(_keys())
