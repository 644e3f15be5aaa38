"""The commented list of all keys, as it ships in `default.yaml`. `python -m config.reference` writes that file anew."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from config.registry import KEYS, ROOT, SECTIONS, Key
from config.values import expected, show

DEFAULT_FILE: Final = Path(__file__).parent / "default.yaml"

_HEAD: Final = """\
Every key of Keel with its default. Copy what you change into config.yaml; what is not there keeps its default.
Below each meaning stands what may be written, and the names that other systems gave the key in the environment.
Each key has a name of its own there too: KEEL_ and its path, such as KEEL_DATA_DIR or KEEL_MAKER__BID_SIZE.
This file is made from the code: change the declaration of a key, not this file.
"""
_WIDTH: Final = 112


def render() -> str:
    """Return the text of `default.yaml`."""
    lines = [*_comment(_HEAD, "")]
    for section, struct in SECTIONS.items():
        lines.append("")
        if section != ROOT:
            lines += [*_comment((struct.__doc__ or "").strip().partition("\n")[0], ""), f"{section}:"]
        indent = "" if section == ROOT else "  "
        for key in KEYS.values():
            if key.section == section:
                lines += _entry(key, indent)
    return "\n".join(lines) + "\n"


def _entry(key: Key, indent: str) -> Iterator[str]:
    yield from _comment(key.description, indent)
    yield from _comment(f"[{'; '.join((expected(key), *key.aliases))}]", indent)
    yield f"{indent}{key.name}: {_yaml(key)}"


def _comment(text: str, indent: str) -> Iterator[str]:
    for paragraph in text.strip().splitlines():
        for line in textwrap.wrap(paragraph, _WIDTH - len(indent)):
            yield f"{indent}# {line}"


def _yaml(key: Key) -> str:
    if key.many:
        return f"[{show(key, key.default)}]"
    text = show(key, key.default)
    # Other readers of YAML than ours take these for booleans.
    return f'"{text}"' if key.unit in ("choice", "text") and text in ("on", "off", "yes", "no") else text


if __name__ == "__main__":
    DEFAULT_FILE.write_text(render(), encoding="utf-8")
