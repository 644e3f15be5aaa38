"""Values written into a configuration file that a person keeps: every comment, order and mark of theirs stays.

Why the file is read back before it takes the place of the old one: a library that keeps comments has a mind of its own
about the rest, and what the engine reads afterwards must be what it read before, and the new values.
"""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any, Final

from config.problems import ConfigurationError, Problem
from config.registry import KEYS
from config.sources import Given, Layer, read_yaml
from config.values import parse

_MODE: Final = 0o600
"""Of a file that was not there before."""
_WIDTH: Final = 4096
"""Longer than any line: none is folded."""


def write(file: Path, values: Mapping[str, str]) -> None:
    """Write values, by key path, into a file, as a whole or not at all. Its mode stays, and a link stays one.

    Raises:
        ConfigurationError: the file has something wrong with it, or would have.
        OSError: it cannot be written.
    """
    target = file.resolve()
    before = read_yaml(target, "yaml") if target.exists() else None
    if before is not None and before.problems:
        raise ConfigurationError(before.problems)
    text = _amended(target.read_text(encoding="utf-8") if before is not None else "", values)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    made = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        made.chmod(target.stat().st_mode & 0o777 if before is not None else _MODE)
        after = read_yaml(made, "yaml")
        if after.problems or not _says(after, {} if before is None else before.given, values):
            raise ConfigurationError([Problem(str(file), ", ".join(values), "cannot be written there without harm")])
        made.replace(target)
    finally:
        with suppress(FileNotFoundError):
            made.unlink()
    _sync_folder(target.parent)


def _amended(text: str, values: Mapping[str, str]) -> str:
    """Return the text of a file with other values in it."""
    # It takes a tenth of a second to import, and few runs write anything.
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.util import load_yaml_guess_indent

    yaml: Any = YAML()
    yaml.preserve_quotes, yaml.width = True, _WIDTH
    _, indent, offset = load_yaml_guess_indent(text)
    yaml.indent(mapping=indent or 2, sequence=(offset or 0) + 2, offset=offset or 0)
    found: Any = yaml.load(text)
    document: Any = CommentedMap() if found is None else found
    for path, value in values.items():
        key, section = KEYS[path], document
        if key.section:
            if document.get(key.section) is None:
                document[key.section] = CommentedMap()
            section = document[key.section]
        section[key.name] = yaml.load(f"[{value}]" if key.many else value)
    out = StringIO()
    yaml.dump(document, out)
    kept = f"{text.rstrip()}\n" if found is None and text.strip() else ""
    return kept + out.getvalue()


def _sync_folder(folder: Path) -> None:
    """Have the new name of the file survive a crash of the machine."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _says(after: Layer, before: Mapping[str, Given], values: Mapping[str, str]) -> bool:
    """Whether a file says the new values, and otherwise what it said before; `True` and `true` are the same."""
    if after.given.keys() != before.keys() | values.keys():
        return False
    kept = all(
        str(after.given[path].value).lower() == str(given.value).lower()
        for path, given in before.items()
        if path not in values
    )
    return kept and all(
        parse(KEYS[path], after.given[path].value) == parse(KEYS[path], values[path]) for path in values
    )
