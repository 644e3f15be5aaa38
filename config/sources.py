"""Where values come from: files, the environment, and who starts the program. Here they are collected, not judged.

Why an own walk over YAML nodes: each value keeps its line, a key that is given twice is an error and not a silent last
word, nothing is guessed about types, and neither tags nor aliases are obeyed.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml
from pydantic_settings import BaseSettings, DotEnvSettingsSource

from config.modes import ENVIRONMENT, FILE
from config.problems import ConfigurationError, Problem, nearest_key
from config.registry import KEYS, PREFIX, ROOT, SECTIONS, Key
from config.values import parse
from models.text import concealed

SOURCES: Final = ("default", "profile", "yaml", ".env", "env", "cli", "runtime")
"""From the weakest to the strongest; `runtime` is what was set in an engine that runs, and ends with it."""

SECRETS: Final[Mapping[str, tuple[str, ...]]] = {
    "private key": ("PRIVATE_KEY", "POLYMARKET_PRIVATE_KEY"),
    "API key": ("CLOB_API_KEY", "POLYMARKET_API_KEY"),
    "API secret": ("CLOB_API_SECRET", "POLYMARKET_API_SECRET"),
    "API passphrase": ("CLOB_API_PASSPHRASE", "POLYMARKET_API_PASSPHRASE"),
    "relayer API key": ("RELAYER_API_KEY", "POLYMARKET_RELAYER_API_KEY"),
    "builder API key": ("POLY_BUILDER_API_KEY", "POLYMARKET_BUILDER_API_KEY"),
    "builder secret": ("POLY_BUILDER_SECRET", "POLYMARKET_BUILDER_SECRET"),
    "builder passphrase": ("POLY_BUILDER_PASSPHRASE", "POLYMARKET_BUILDER_PASSPHRASE"),
}
"""Names under which a secret may stand in the environment. Their values are compared, and never kept."""

_BYTES_MAX: Final = 256 * 1024
_NULL: Final = "tag:yaml.org,2002:null"
_TAGS: Final = frozenset(
    {_NULL, *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "timestamp", "seq", "map"))}
)
"""What YAML itself takes a value for. Any other tag asks to make something of it."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was given. `source` is one of `SOURCES`; `place` is a file and line, or a name."""

    value: object
    source: str
    place: str


@dataclass(slots=True)
class Layer:
    """What one source gives, by key, and what is wrong with it. `switches` are the mode's: rules of their own."""

    given: dict[str, Given] = field(default_factory=dict)
    switches: dict[str, Given] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_yaml(path: Path, source: str) -> Layer:
    """Read a configuration file. A value that is null is not given."""
    layer = Layer()
    try:
        if path.stat().st_size > _BYTES_MAX:
            layer.problems.append(Problem(str(path), "the file", f"expected at most {_BYTES_MAX // 1024} KiB"))
            return layer
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        layer.problems.append(_unreadable(path, error))
        return layer
    _YamlWalk(path, source, layer).walk(text)
    return layer


def read_env_file(path: Path) -> dict[str, str]:
    """Return the names and values of a `.env` file, empty ones left out.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        found = DotEnvSettingsSource(BaseSettings, env_file=path, case_sensitive=True).env_vars
    except (OSError, UnicodeDecodeError) as error:
        # Not chained: an error of decoding carries what it read, and that may be a secret.
        raise ConfigurationError([_unreadable(path, error)]) from None
    return {name: value for name, value in found.items() if value}


def read_environment(variables: Mapping[str, str], source: str, file: Path | None = None) -> Layer:
    """Collect what names in the environment, or in a `.env` file, give. An empty value is not given."""
    layer = Layer()
    where = "environment" if file is None else str(file)
    for name, value in sorted(variables.items()):
        given = Given(value, source, f"{where} {name}")
        if not value:
            continue
        if name in ENVIRONMENT:
            layer.switches[name] = given
        elif name in _KEYS_BY_NAME:
            layer.given[_KEYS_BY_NAME[name].path] = given
        else:
            meant = _misspelt(name)
            if meant is not None:
                layer.problems.append(Problem(where, name, "unknown name", nearest=meant))
    return layer


def disagreements(environment: Mapping[str, str], env_file: Mapping[str, str]) -> Iterator[Problem]:
    """Find keys and secrets that two names give different values, which neither the last nor the first may settle."""
    variables = {**env_file, **environment}
    for key in KEYS.values():
        said = {name: variables[name] for name in key.names if variables.get(name)}
        if len({_settled(key, text) for text in said.values()}) > 1:
            shown = ", ".join(f"{name}={concealed(text)}" for name, text in said.items())
            yield Problem(shown, key.path, "expected one value, because these names are one key")
    for secret, names in SECRETS.items():
        found = [name for name in names if variables.get(name)]
        if len({variables[name] for name in found}) > 1:
            yield Problem(", ".join(found), secret, "expected one value, because these names are one secret")


def _unreadable(path: Path, error: OSError | UnicodeDecodeError) -> Problem:
    reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
    return Problem(str(path), "the file", f"cannot be read: {reason}")


def _settled(key: Key, text: str) -> object:
    """Return what a text means, or the text itself where it means nothing."""
    try:
        return parse(key, text)
    except ValueError:
        return text


def _misspelt(name: str) -> str | None:
    """Return the known name that an unknown one with a prefix of ours resembles."""
    for prefix, alike in _PREFIXES.items():
        if name.startswith(prefix):
            return next(iter(difflib.get_close_matches(name, [*_KEYS_BY_NAME, *ENVIRONMENT], n=1, cutoff=alike)), None)
    return None


class _YamlWalk:
    """Collects the values of one file."""

    def __init__(self, path: Path, source: str, layer: Layer) -> None:
        self._path = path
        self._source = source
        self._layer = layer

    def walk(self, text: str) -> None:
        try:
            aliased = next(
                (event for event in yaml.parse(text, yaml.SafeLoader) if isinstance(event, yaml.AliasEvent)), None
            )
            root = yaml.compose(text, yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            reason = getattr(error, "problem", None) or "it is not YAML"
            self._problem(mark, "the file", f"is not YAML: {reason}")
            return
        if aliased is not None:
            self._problem(aliased.start_mark, f"*{aliased.anchor}", "expected values written out, not aliases")
        elif isinstance(root, yaml.MappingNode):
            self._section(ROOT, root)
        elif root is not None:
            self._problem(root.start_mark, "the file", "expected keys and values")

    def _section(self, section: str, node: yaml.MappingNode) -> None:
        seen = set[str]()
        for name_node, value_node in node.value:
            name = str(name_node.value)
            path = f"{section}.{name}" if section else name
            if name in seen:
                self._problem(name_node.start_mark, path, "expected each key once")
            seen.add(name)
            if not section and name in SECTIONS:
                self._enter(name, value_node)
            elif not section and name in FILE:
                self._scalar(path, value_node, self._layer.switches)
            elif path in KEYS:
                self._scalar(path, value_node, self._layer.given)
            else:
                self._problem(name_node.start_mark, path, "unknown key", nearest=nearest_key(path))

    def _enter(self, section: str, node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode):
            self._section(section, node)
        elif not _is_null(node):
            self._problem(node.start_mark, section, "expected keys and values, because it is a section")

    def _scalar(self, path: str, node: yaml.Node, into: dict[str, Given]) -> None:
        place = f"{self._path} line {node.start_mark.line + 1}"
        if node.tag not in _TAGS:
            self._problem(node.start_mark, path, "expected a value without a tag")
        elif isinstance(node, yaml.ScalarNode):
            if not _is_null(node):
                into[path] = Given(str(node.value), self._source, place)
        elif isinstance(node, yaml.SequenceNode) and all(isinstance(item, yaml.ScalarNode) for item in node.value):
            into[path] = Given([str(item.value) for item in node.value], self._source, place)
        else:
            self._problem(node.start_mark, path, "expected a value, not a section")

    def _problem(self, mark: yaml.Mark | None, key: str, reason: str, nearest: str | None = None) -> None:
        place = str(self._path) if mark is None else f"{self._path} line {mark.line + 1}"
        self._layer.problems.append(Problem(place, key, reason, nearest=nearest))


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _NULL


_KEYS_BY_NAME: Final[Mapping[str, Key]] = {name: key for key in KEYS.values() for name in key.names}
_PREFIXES: Final[Mapping[str, float]] = {PREFIX: 0.75, "PM_": 0.85}
"""Prefixes of names that are ours, and how much an unknown one must be like a known one to be a mistake."""
