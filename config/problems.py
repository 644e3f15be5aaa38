"""What is wrong with a configuration: all of it at once, each with its place, and what would be right."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from config.modes import DEFAULT
from config.registry import KEYS, Key
from config.run import Mode
from models.text import concealed

_ALIKE: Final = 0.6
_VALUE_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `place` is a file with its line, or where else it was said."""

    place: str
    key: str
    reason: str
    value: str | None = None
    nearest: str | None = None
    """The valid key that was probably meant."""

    def __str__(self) -> str:
        shown = None if self.value is None else concealed(self.value)[:_VALUE_SHOWN]
        said = f"{self.place}: {self.key}" if shown is None else f"{self.place}: {self.key} = {shown!r}"
        meant = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"{said}: {self.reason}{meant}"


class ConfigurationError(Exception):
    """The configuration cannot be used (exit code 4). `problems` has everything that is wrong with it.

    `mode` is the one that its switches ask for, as far as they can be read.
    """

    def __init__(self, problems: Iterable[Problem], mode: Mode = DEFAULT) -> None:
        self.problems = tuple(problems)
        self.mode: Mode = mode
        super().__init__("\n".join(str(problem) for problem in self.problems))


def keys_called(name: str) -> tuple[Key, ...]:
    """Return the keys that a person may mean: by path, by a name in the environment, by its last name, or a section."""
    if name in KEYS:
        return (KEYS[name],)
    sought = name.upper()
    by_name = tuple(key for key in KEYS.values() if sought in key.names) or tuple(
        key for key in KEYS.values() if key.name == name
    )
    return by_name or tuple(key for key in KEYS.values() if key.section and key.section == name)


def nearest_key(path: str) -> str | None:
    """Return the key that is most like an unknown one: in its own section first, then by its last name anywhere.

    A name at the top may also be meant for a section.
    """
    section, _, name = path.rpartition(".")
    siblings = {key.name: key.path for key in KEYS.values() if key.section == section}
    if not section:
        siblings |= {key.section: key.section for key in KEYS.values() if key.section}
    by_name = {key.name: key.path for key in KEYS.values()}
    by_path = {key.path: key.path for key in KEYS.values()}
    for wanted, candidates in ((name, siblings), (name, by_name), (path, by_path)):
        found = difflib.get_close_matches(wanted, candidates, n=1, cutoff=_ALIKE)
        if found:
            return candidates[found[0]]
    return None
