"""The pydantic model of a configuration, made from the declared keys: it checks all values at once and is the schema.

Why made and not written: a model that is written beside the structs would be a second place for every name, unit, bound
and default. Its values are the exact integers of the engine; its schema shows what people write.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, cast

import msgspec
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, create_model

from config.registry import KEYS, ROOT, SECTIONS, Key
from config.values import parse, show

_NUMBERS: Final = frozenset({"shares", "dollars", "price", "ratio"})
_WHOLE: Final = frozenset({"ms", "seconds", "count"})


class Strict(BaseModel):
    """Base of all sections: a key that is not declared is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def build(values: Strict) -> dict[str, msgspec.Struct]:
    """Return the structs of all sections, by name, from a model that was validated."""
    return {
        section: struct(
            **{
                field.name: getattr(getattr(values, section) if section else values, field.name)
                for field in msgspec.structs.fields(struct)
            }
        )
        for section, struct in SECTIONS.items()
    }


def _field(key: Key) -> tuple[Any, Any]:
    checked = PlainValidator(lambda given: parse(key, given))
    # A factory, because pydantic would show a plain default in the engine's integers.
    return Annotated[Any, checked, WithJsonSchema(_schema(key))], Field(default_factory=lambda: key.default)


def _schema(key: Key) -> dict[str, Any]:
    """Return the JSON schema of a key, in what people write."""
    schema: dict[str, Any] = {"description": f"{key.description} Unit: {key.unit}."}
    if key.choices:
        schema["enum"] = list(key.choices)
    elif key.many:
        schema |= {"type": "array", "items": {"type": "string"}}
    elif key.unit == "switch":
        schema["type"] = "boolean"
    elif key.unit in _WHOLE or key.unit in _NUMBERS:
        schema["type"] = "integer" if key.unit in _WHOLE else "number"
        bounds = {"minimum": key.ge, "exclusiveMinimum": key.gt, "maximum": key.le, "exclusiveMaximum": key.lt}
        schema |= {word: _number(key, bound) for word, bound in bounds.items() if bound is not None}
    else:
        schema["type"] = ["string", "null"] if key.optional else "string"
    schema["default"] = _plain(key)
    return schema


def _plain(key: Key) -> Any:
    """Return the default as JSON has it."""
    if key.default is None or isinstance(key.default, (bool, str)):
        return key.default
    return list(key.default) if key.many else _number(key, key.default)


def _number(key: Key, value: float) -> float:
    text = show(key, value if key.unit == "ratio" else int(value))
    return float(text) if "." in text else int(text)


def _models() -> type[Strict]:
    fields: Mapping[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for key in KEYS.values():
        fields[key.section][key.name] = _field(key)
    sections = {
        name: create_model(struct.__name__, __base__=Strict, __doc__=struct.__doc__, **fields[name])
        for name, struct in SECTIONS.items()
        if name != ROOT
    }
    nested = {name: (model, Field(default_factory=model)) for name, model in sections.items()}
    return create_model("Configuration", __base__=Strict, **cast(Any, fields[ROOT] | nested))


Configuration: Final = _models()
"""The whole of it. `Configuration.model_json_schema()` is the schema of a configuration file."""
