"""A secret is seen by nobody who does not ask for it by name."""

import copy
import json
import pickle
import traceback
from pathlib import Path

import msgspec
import pytest

from actors.venues.secret import Secret

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


@pytest.mark.proves("I39")
def test_secrets_are_revealed_in_six_places_only() -> None:
    """To the curve, to headers, to the official client, to the user channel, and where they are read and compared."""
    root = Path(__file__).parents[3]
    revealing = {
        file.relative_to(root).as_posix()
        for package in ("models", "actors", "config", "surfaces", "research", "sandbox", "bin")
        for file in (root / package).rglob("*.py")
        if ".reveal()" in file.read_text()
    }
    assert revealing <= {
        "actors/venues/polymarket/credentials.py",
        "actors/venues/polymarket/keys.py",
        "actors/venues/polymarket/official_signer.py",
        "actors/venues/polymarket/relayer.py",
        "actors/venues/polymarket/user_feed.py",
        "bin/secrets.py",
    }
