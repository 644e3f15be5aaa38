"""A secret is seen by nobody who does not ask for it by name."""

import ast
import copy
import json
import pickle
import traceback
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import msgspec
import pytest

from actors.venues.polymarket.credentials import Credentials
from actors.venues.secret import Secret, known

TEXT = "5ecre7-0f-the-desk"
SECRET = Secret(TEXT)


@pytest.mark.proves("I39")
@pytest.mark.parametrize(
    "shown",
    [
        repr(SECRET), str(SECRET), f"{SECRET}", f"{SECRET:>40}", f"{SECRET!r}", repr([SECRET]),
        repr({"key": SECRET}), str(dir(SECRET)),
    ],
)  # fmt: skip
def test_a_secret_does_not_show(shown: str) -> None:
    assert TEXT not in shown


@pytest.mark.proves("I39")
@pytest.mark.parametrize("store", [pickle.dumps, copy.copy, copy.deepcopy, msgspec.json.encode, json.dumps])
def test_a_secret_is_neither_copied_nor_stored(store: object) -> None:
    assert callable(store)
    with pytest.raises(TypeError) as raised:
        store(SECRET)
    assert TEXT not in "".join(traceback.format_exception(raised.value))


def test_a_secret_has_no_fields_to_look_at() -> None:
    assert not hasattr(SECRET, "__dict__")
    with pytest.raises(TypeError):
        SECRET.__getstate__()
    with pytest.raises(TypeError):
        hash(SECRET)


def test_secrets_are_compared_and_revealed() -> None:
    assert Secret(TEXT) == SECRET
    assert Secret("other") != SECRET
    assert SECRET != TEXT
    assert SECRET.reveal() == TEXT
    assert SECRET
    assert not Secret("")


REVEALED = {
    "actors/venues/polymarket/credentials.py": 4,  # headers, and the proof that they can be made
    "actors/venues/polymarket/keys.py": 1,  # the curve
    "actors/venues/polymarket/official_signer.py": 2,  # orders of generation 1
    "actors/venues/polymarket/relayer.py": 1,  # its header
    "actors/venues/polymarket/user_feed.py": 2,  # the frame that subscribes
    "bin/keystore.py": 4,  # a key that is encrypted, and passwords
    "bin/secrets.py": 2,  # two sources that are compared, and the API key, which is shown
    "bin/wallet.py": 1,  # how long a password is
}
"""How often a file may ask for what a secret is. Whoever adds a call says here what for."""


@pytest.mark.proves("I39")
def test_secrets_are_revealed_where_it_is_listed_and_nowhere_else() -> None:
    found = {name: count for name, tree in modules().items() if (count := sum(map(is_reveal, ast.walk(tree))))}
    assert found == REVEALED


def test_nobody_turns_on_what_prints_headers_or_locals() -> None:
    for name, tree in modules().items():
        for node in ast.walk(tree):
            called = node.func if isinstance(node, ast.Call) else None
            assert not (isinstance(called, ast.Attribute) and called.attr == "enableTrace"), name
            assert not (isinstance(called, ast.Name) and called.id == "enableTrace"), name
            if isinstance(node, ast.keyword):
                shows = isinstance(node.value, ast.Constant) and node.value.value is False
                assert node.arg not in ("show_locals", "tracebacks_show_locals", "diagnose") or shows, name


def is_reveal(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "reveal"


@cache
def modules() -> dict[str, ast.Module]:
    """Return the files that speak of what is looked for."""
    root = Path(__file__).parents[3]
    packages = ("models", "actors", "config", "surfaces", "research", "sandbox", "bin")
    texts = {file: file.read_text(encoding="utf-8") for one in packages for file in (root / one).rglob("*.py")}
    spoken_of = ("reveal", "enableTrace", "show_locals", "diagnose")
    return {
        file.relative_to(root).as_posix(): ast.parse(text)
        for file, text in texts.items()
        if any(word in text for word in spoken_of)
    }


def test_a_secret_is_not_in_what_holds_it() -> None:
    @dataclass(frozen=True)
    class Holder:
        key: Secret

    class Kept(msgspec.Struct):
        key: Secret

    held = Holder(SECRET)
    assert TEXT not in repr(held) + str(held) + repr(vars(held)) + repr(Kept(SECRET))
    for copied in (lambda: asdict(held), lambda: msgspec.json.encode(Kept(SECRET)), lambda: copy.deepcopy(held)):
        with pytest.raises(TypeError):
            copied()
    assert TEXT not in repr(Credentials("key", Secret("c2VjcmV0"), SECRET))
    assert SECRET in map(Secret, known()), "whoever hides secrets in logs knows it"
