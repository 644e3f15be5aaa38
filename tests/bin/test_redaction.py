"""No secret is written, however it came into a line: known, named, or by what it opens."""

import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from time import process_time

import httpx
import pytest
from loguru import logger

from actors.venues import redaction
from actors.venues.polymarket.keys import SigningKey
from actors.venues.redaction import HIDDEN, hide_key_of, redacted, without_secrets
from actors.venues.secret import Secret
from actors.venues.secret_forms import forms
from bin.logs import log_to
from config.sources import SECRETS

PASSPHRASE = Secret("canary/phrase+of the desk")
KEY = "0x" + "c4" * 32
ORDER = "0x" + "ab" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Log into a folder, and leave everything as it was."""
    hooks = sys.excepthook, threading.excepthook, warnings.showwarning
    handlers = list(logging.getLogger().handlers)
    log_to(tmp_path, "ERROR")
    yield tmp_path
    logger.remove()
    sys.excepthook, threading.excepthook, warnings.showwarning = hooks
    logging.getLogger().handlers = handlers


def written(folder: Path) -> str:
    logger.complete()
    return (folder / "keel.log").read_text(encoding="utf-8") + (folder / "events.jsonl").read_text(encoding="utf-8")


@pytest.mark.proves("I39")
def test_a_known_secret_is_hidden_in_every_form() -> None:
    for form in forms(PASSPHRASE.reveal()):
        assert form not in redacted(f"before {form} after")
        assert redacted(f"before {form} after") == f"before {HIDDEN} after"


@pytest.mark.parametrize(
    "text",
    [
        "POLY_PASSPHRASE: zzCanaryzz",
        "{'poly_signature': 'zzCanaryzz'}", '{"apiKey":"zzCanaryzz"}', "secret=zzCanaryzz",
        "api_secret = 'zzCanaryzz'", '{\\"passphrase\\":\\"zzCanaryzz\\"}', "Authorization: Bearer zzCanaryzz",
        "[(b'POLY_API_KEY', b'zzCanaryzz')]", "RELAYER_API_KEY=zzCanaryzz", "password=zzCanaryzz&x=1",
        f"private key: {'9e' * 32}", f"PRIVATE_KEY={KEY[:-1]}1", f"POLYMARKET_PRIVATE_KEY={KEY[:-1]}1", f"pk={KEY}",
    ],
)  # fmt: skip
def test_what_is_named_as_a_secret_is_hidden_though_nobody_knows_it(text: str) -> None:
    assert "zzCanaryzz" not in redacted(text)
    assert "9e9e9e" not in redacted(text)
    assert "c4c4c4" not in redacted(text)
    assert HIDDEN in redacted(text)


@pytest.mark.proves("I39")
@pytest.mark.parametrize("name", [*(name for names in SECRETS.values() for name in names), "keystore_password"])
def test_what_stands_under_a_name_of_ours_is_hidden_to_its_last_character(name: str) -> None:
    value = 'zz Canary, "quoted" and \\ it\'s zz\\'
    said = json.dumps({name: value, "next": 1})
    for text in (said, json.dumps({"body": said}), json.dumps({"log": json.dumps({"body": said})})):
        assert "zz" not in redacted(text)
        assert "Canary" not in redacted(text)
        assert "next" in redacted(text) or "log" in text
    assert json.loads(redacted(said)) == {name: HIDDEN, "next": 1}
    assert redacted(f"{name}=zzCanaryzz next") == f"{name}={HIDDEN} next"
    assert redacted(f"{name.lower()} = 'zz Canary zz' next") == f"{name.lower()} = '{HIDDEN}' next"
    assert redacted(f"('{name}', 'zz Canary zz'), ('x', 'y')") == f"('{name}', '{HIDDEN}'), ('x', 'y')"
    assert "Canary" not in redacted(f'{{"body": "{{\\"{name}\\": \\"zz Can')


@pytest.mark.parametrize(
    "said", [{"hint": "give the password:", "next": 1}, {"hint": "its secret: "}, {"password": "", "next": 1}]
)
def test_where_nothing_follows_a_name_a_document_stays_one(said: dict[str, object]) -> None:
    assert json.loads(redacted(json.dumps(said))) == said


@pytest.mark.parametrize(
    "unit",
    ["secret='", 'secret="\\', "secret=\\\\'a ", "x-", "secret:   ", "'secret',", "private is ", "'" + "a-" * 20],
)
def test_a_hostile_text_is_looked_through_in_a_time_that_grows_with_its_length_alone(unit: str) -> None:
    def took_s(length: int) -> float:
        text = (unit * length)[:length]
        began = process_time()
        redacted(text)
        return process_time() - began

    assert took_s(80_000) < 16 * max(took_s(10_000), 0.002), "twice 8 times, where its square would be 64"


def test_ids_are_shown_and_the_key_of_our_account_is_not() -> None:
    key = "7d" * 32
    assert redacted(f"order {ORDER} in {KEY}, tx {key}") == f"order {ORDER} in {KEY}, tx {key}"
    hide_key_of(SigningKey(Secret("0x" + "31" * 32)).address)
    assert redacted(f"order {ORDER} at {'31' * 32}") == f"order {ORDER} at {HIDDEN}"


def test_what_a_venue_says_back_of_our_secrets_is_not_kept() -> None:
    said = (
        f"bad request \x1b[2J {{'POLY_PASSPHRASE': '{PASSPHRASE.reveal()}', 'POLY_API_KEY': 'zzCanaryzz'}}" + "x" * 900
    )
    assert without_secrets(said).startswith(
        f"bad request [2J {{'POLY_PASSPHRASE': '{HIDDEN}', 'POLY_API_KEY': '{HIDDEN}'}}xxx"
    )
    assert len(without_secrets(said)) <= 200


@pytest.mark.parametrize(
    "text",
    [
        "of the API key, its secret and passphrase only some are given; missing: API secret, API passphrase",
        "the API secret is not URL-safe base64: copy it whole, or derive it anew",
        '{"message":"missing: API passphrase","hint":"give all"}',
        '{"what":"API secret","place":"keyring keel api_secret"}',
        "account.private_key_file: /etc/keel/key", "RELAYER_API_KEY_ADDRESS: 0xabc", f"held: CANCEL_ONLY {ORDER}",
    ],
)  # fmt: skip
def test_what_only_speaks_of_secrets_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.proves("I39")
def test_messages_figures_and_tracebacks_are_looked_through_in_files_of_ours_alone(folder: Path) -> None:
    secret = PASSPHRASE.reveal()
    try:
        raise ValueError(f"headers {httpx.Headers({'POLY_PASSPHRASE': secret, 'x': '1'})!r}")
    except ValueError:
        logger.bind(reason=secret, body=json.dumps({"p": secret})).exception("it said {}", secret)
    found = written(folder)
    assert secret not in found
    assert json.dumps(secret)[1:-1] not in found
    assert found.count(HIDDEN) >= 6
    assert "ValueError" in found
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


@pytest.mark.proves("I39")
def test_libraries_threads_and_warnings_go_the_same_way(folder: Path) -> None:
    secret = PASSPHRASE.reveal()
    logging.getLogger("httpx").info("GET /?key=%s", secret)
    logging.getLogger("peewee").setLevel(logging.DEBUG)
    logging.getLogger("peewee").debug("('INSERT', ['%s'])", secret)
    logging.getLogger("somebody").warning("odd %s", secret)
    assert threading.excepthook is not threading.__excepthook__
    thread = threading.Thread(target=lambda: [][1 if secret else 0], name="dies")
    thread.start()
    thread.join()
    sys.excepthook(OSError, OSError(f"cannot open {secret}"), None)
    warnings.showwarning(f"old {secret}", UserWarning, "file.py", 1)
    found = written(folder)
    assert secret not in found
    assert "GET" not in found
    assert "INSERT" not in found
    for told in (f"odd {HIDDEN}", "nobody caught IndexError", f"cannot open {HIDDEN}", f"UserWarning: old {HIDDEN}"):
        assert told in found


@pytest.mark.proves("I39")
def test_what_a_command_prints_is_looked_through() -> None:
    code = (
        "import sys, threading, warnings\n"
        "from bin.redaction import guard_streams\n"
        "from actors.venues.secret import Secret\n"
        "guard_streams()\n"
        f"secret = Secret({PASSPHRASE.reveal()!r}).reveal()\n"
        "print('out', secret)\n"
        "warnings.warn(secret)\n"
        "thread = threading.Thread(target=lambda: {}[secret]); thread.start(); thread.join()\n"
        "raise RuntimeError(f'error {secret}')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    said = done.stdout + done.stderr
    assert PASSPHRASE.reveal() not in said
    assert f"out {HIDDEN}" in said
    assert f"RuntimeError: error {HIDDEN}" in said
    assert f"KeyError: '{HIDDEN}'" in said
    assert f"UserWarning: {HIDDEN}" in said


def test_who_writes_while_another_learns_of_a_new_secret_writes_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{token_hex(8)}-both-write-it"
    written: list[str] = []
    other = threading.Thread(target=lambda: written.append(redacted(f"got {text}")))

    def slowly(one: str) -> frozenset[str]:
        if other.ident is None:
            other.start()
            other.join()
        return forms(one)

    monkeypatch.setattr(redaction, "forms", slowly)
    Secret(text)
    assert redacted(f"got {text}") == f"got {HIDDEN}"
    assert written == [f"got {HIDDEN}"]
