"""Where the secrets of an account are looked for, in which order, and what live takes from nowhere."""

import json
import os
import subprocess
import sys
import types
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from actors.venues.polymarket.keys import SigningKey
from actors.venues.polymarket.remote_signer import SignerAbsent
from actors.venues.secret import Secret
from bin import keystore, wallet
from bin.keystore import lock
from bin.live import told_as_commands
from bin.secret_sources import SecretProblem
from bin.secrets import has_key, keystore_password, read_secrets
from config.settings import Settings, load
from surfaces.cli.errors import CommandError
from tests.bin.processes import ROOT, keel

PRIVATE, OTHER = "0x" + "4d" * 32, "0x" + "4e" * 32
PASSWORD = "correct horse battery"
ADDRESS = SigningKey(Secret(PRIVATE)).address


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand where there is no `.env`, without the libraries and the variables of this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.setattr(keystore, "_N", 1 << 10)


def settings(**account: str) -> Settings:
    told = {f"account.{name}": value for name, value in account.items()}
    return load(told, config_file=None, env_file=None, environment={})


def file(path: Path, text: str, mode: int = 0o600) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
    path.chmod(mode)
    return str(path)


def keystore_at(folder: Path, private: str = PRIVATE) -> str:
    (folder / "store.json").write_bytes(lock(SigningKey(Secret(private)), Secret(PASSWORD)))
    (folder / "store.json").chmod(0o600)
    return str(folder / "store.json")


def place(environment: dict[str, str], **account: str) -> str:
    """Return where the private key was read from, as the account of the key that everybody has."""
    found = read_secrets(settings(**account), None, environment)
    assert found.key.address == ADDRESS
    return found.places["private key"]


def test_each_source_is_read_and_the_strongest_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment, account = {"POLYMARKET_PRIVATE_KEY": PRIVATE}, dict[str, str]()
    assert place(environment) == "environment POLYMARKET_PRIVATE_KEY"
    account["private_key_file"] = file(tmp_path / "key", PRIVATE[2:].upper())
    assert place(environment, **account) == f"file {tmp_path}/key"
    account |= {"secrets_dir": str(Path(file(tmp_path / "own" / "private_key", PRIVATE)).parent)}
    del account["private_key_file"]
    assert place(environment, **account) == f"file {tmp_path}/own/private_key"
    ring: Any = types.ModuleType("keyring")
    kept = {("keel", "private_key"): PRIVATE, ("keel", "keystore_password"): PASSWORD}
    ring.get_password = lambda service, name: kept.get((service, name))
    monkeypatch.setitem(sys.modules, "keyring", ring)
    assert place(environment, **account) == "keyring keel private_key"
    account["keystore_file"] = keystore_at(tmp_path)
    assert place(environment, **account) == f"keystore {tmp_path}/store.json"
    file(tmp_path / "creds" / "private_key", PRIVATE, 0o400)
    environment["CREDENTIALS_DIRECTORY"] = str(tmp_path / "creds")
    assert place(environment, **account) == "systemd credential private_key"


def test_a_password_of_a_keystore_comes_from_a_credential_and_is_asked_of_nobody_without_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115, PTH123
    store = keystore_at(tmp_path)
    with pytest.raises(SecretProblem, match="nobody can be asked"):
        read_secrets(settings(keystore_file=store), None, {})
    file(tmp_path / "creds" / "keystore_password", "wrong")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path / "creds")}
    with pytest.raises(SecretProblem, match="the password is not that") as raised:
        read_secrets(settings(keystore_file=store), None, environment)
    assert raised.value.fix.startswith("type it as it was"), "and not: make a new one"
    file(tmp_path / "creds" / "keystore_password", PASSWORD)
    assert read_secrets(settings(keystore_file=store), None, environment).key.address == ADDRESS
    assert has_key(settings(keystore_file=store), None, {})
    assert not has_key(settings(), None, {})
    sys.stdin.close()


@pytest.mark.parametrize("line_end", ["", "\n", "\r\n"])
def test_a_space_at_an_end_of_a_password_is_a_part_of_it_wherever_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line_end: str
) -> None:
    password = f"  {PASSWORD}\t "
    monkeypatch.setattr(sys, "stdin", StringIO(f" {PRIVATE} \n{password}{line_end}"))
    assert [one.reveal() for one in wallet._piped()] == [PRIVATE, password]
    file(tmp_path / "creds" / "keystore_password", password + line_end)
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path / "creds")}
    assert keystore_password(environment, tmp_path).reveal() == password
    keyring = types.ModuleType("keyring")
    monkeypatch.setattr(keyring, "get_password", lambda *_: password + line_end, raising=False)
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    assert keystore_password({}, tmp_path).reveal() == password


def test_two_sources_that_differ_are_both_named_and_neither_is_shown(tmp_path: Path) -> None:
    account = settings(private_key_file=file(tmp_path / "key", OTHER))
    with pytest.raises(
        SecretProblem, match=r"given twice, and differs: file .*/key, environment PRIVATE_KEY"
    ) as raised:
        read_secrets(account, None, {"PRIVATE_KEY": PRIVATE})
    assert PRIVATE[2:] not in str(raised.value)
    creds = Path(file(tmp_path / "creds" / "api_secret", "c2VjcmV0")).parent
    with pytest.raises(SecretProblem, match="the API secret is given twice"):
        read_secrets(
            settings(),
            None,
            {"PRIVATE_KEY": PRIVATE, "CLOB_API_SECRET": "b3RoZXI", "CREDENTIALS_DIRECTORY": str(creds)},
        )


@pytest.mark.proves("I39")
def test_live_takes_nothing_from_the_environment_nor_beside_a_dot_env(tmp_path: Path) -> None:
    key = file(tmp_path / "keys" / "key", PRIVATE)
    env = Path(file(tmp_path / "other.env", f"CLOB_API_KEY={PRIVATE}"))
    for environment, env_file, says in (
        ({"PRIVATE_KEY": PRIVATE}, None, "environment PRIVATE_KEY"),
        ({}, env, "other.env CLOB_API_KEY"),
    ):
        with pytest.raises(SecretProblem, match=says) as raised:
            read_secrets(settings(private_key_file=key), env_file, environment, guarded=True)
        assert "keel wallet import" in raised.value.fix
        assert PRIVATE not in str(raised.value) + raised.value.fix
    assert read_secrets(settings(private_key_file=key), None, {}, guarded=True).exposed == ()
    file(tmp_path / ".env", f"POLYMARKET_PRIVATE_KEY={PRIVATE}")
    with pytest.raises(SecretProblem, match=r"\.env POLYMARKET_PRIVATE_KEY"):
        read_secrets(settings(private_key_file=key), None, {}, guarded=True)
    assert read_secrets(settings(private_key_file=key), None, {}).exposed == (".env POLYMARKET_PRIVATE_KEY",)


def test_an_env_file_among_systemds_credentials_is_one_of_them(tmp_path: Path) -> None:
    env = Path(file(tmp_path / "creds" / "env", f"POLYMARKET_PRIVATE_KEY={PRIVATE}", 0o440))
    found = read_secrets(settings(), env, {"CREDENTIALS_DIRECTORY": str(env.parent)}, guarded=True)
    assert found.places["private key"] == "systemd credential env, POLYMARKET_PRIVATE_KEY"


def test_an_env_file_that_is_not_text_is_named_and_not_shown(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_bytes(f"PRIVATE_KEY={PRIVATE}\xff".encode("latin-1"))
    with pytest.raises(SecretProblem, match=r"\.env: the file: cannot be read: it is not UTF-8") as raised:
        read_secrets(settings(), env, {})
    assert PRIVATE not in str(raised.value) + raised.value.fix


@pytest.mark.parametrize("wrong", ["group may read", "another's", "a folder for everybody", "a fifo", "empty"])
def test_a_file_that_is_not_ours_alone_is_refused(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "folder" / "key"
    file(path, PRIVATE)
    says = {
        "group may read": "may be read by others (mode 0640)", "another's": "is user 65534's",
        "a folder for everybody": "anybody may write", "a fifo": "is not a file", "empty": "is empty",
    }[wrong]  # fmt: skip
    if wrong == "group may read":
        path.chmod(0o640)
    elif wrong == "another's":
        if os.getuid() != 0:
            pytest.skip("only root can give a file away")
        os.chown(path, 65534, 65534)
    elif wrong == "a folder for everybody":
        path.parent.chmod(0o777)
    elif wrong == "a fifo":
        path.unlink()
        os.mkfifo(path, 0o600)
    else:
        path.write_text("", encoding="utf-8")
    with pytest.raises(SecretProblem) as raised:
        read_secrets(settings(private_key_file=str(path)), None, {})
    assert says in str(raised.value)


def test_with_a_signer_no_key_may_stand_within_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signer, key = str(tmp_path / "s.sock"), file(tmp_path / "key", PRIVATE)
    folder = Path(file(tmp_path / "own" / "private_key", PRIVATE)).parent
    creds = Path(file(tmp_path / "creds" / "private_key", PRIVATE)).parent
    Path(key).chmod(0o000)
    for account, environment, says in (
        (settings(signer=signer, private_key_file=key), {}, f"file {key}"),
        (settings(signer=signer, secrets_dir=str(folder)), {}, f"file {folder}/private_key"),
        (settings(signer=signer), {"CREDENTIALS_DIRECTORY": str(creds)}, "systemd credential private_key"),
    ):
        with pytest.raises(SecretProblem, match=f"within reach of the engine: {says}") as raised:
            read_secrets(account, None, environment, guarded=True)
        assert not raised.value.retryable
    ring: Any = types.ModuleType("keyring")
    ring.get_password = lambda _, name: PRIVATE if name == "private_key" else None
    monkeypatch.setitem(sys.modules, "keyring", ring)
    with pytest.raises(SecretProblem, match="within reach of the engine: keyring keel private_key"):
        read_secrets(settings(signer=signer), None, {}, guarded=True)
    environment = {"CREDENTIALS_DIRECTORY": str(creds)}
    assert read_secrets(settings(signer=signer), None, environment, as_signer=True).key.address == ADDRESS


def test_a_live_start_waits_for_a_signer_that_is_just_being_started_and_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, asked = settings(signer=str(tmp_path / "s.sock")), list[Path]()
    monkeypatch.setattr("bin.secrets._AGAIN_S", 0.01)

    def started(path: Path) -> SigningKey:
        asked.append(path)
        if len(asked) < 3:
            raise SignerAbsent(f"the signer at {path} does not answer")
        return SigningKey(Secret(PRIVATE))

    said: list[str] = []
    sink = logger.add(said.append, format="{message}")
    with monkeypatch.context() as one:
        one.setattr("bin.secrets.RemoteKey", started)
        assert read_secrets(account, None, {}, guarded=True).key.address == ADDRESS
    logger.remove(sink)
    assert (len(asked), len([line for line in said if "asked again" in line])) == (3, 1)
    monkeypatch.setattr("bin.secrets._WAITED_S", 0.05)
    for guarded in (True, False):
        with pytest.raises(CommandError, match="does not answer") as raised, told_as_commands():
            read_secrets(account, None, {}, guarded=guarded)
        assert (raised.value.exit_code, raised.value.retryable) == (1, True), "systemd starts it again"


def test_a_wallet_is_imported_and_tried_as_a_person_does(tmp_path: Path) -> None:
    store = tmp_path / "w" / "ks.json"
    made = subprocess.run(
        [sys.executable, "-m", "bin.main", "wallet", "import", "--stdin", "--yes", "--json", "--out", str(store)],
        input=f"{PRIVATE}\n{PASSWORD}\n", cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert json.loads(made.stdout)["address"] == ADDRESS
    assert (store.stat().st_mode & 0o777, store.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    creds = Path(file(tmp_path / "creds" / "keystore_password", PASSWORD)).parent
    variables = {"CREDENTIALS_DIRECTORY": str(creds), "KEEL_ACCOUNT__KEYSTORE_FILE": str(store)}
    tried = keel("wallet", "test", "--json", timeout_s=60, **variables)
    assert json.loads(tried.stdout)["from"] == f"keystore {store}"
    assert (
        PRIVATE[2:] not in store.read_text(encoding="utf-8") + made.stdout + made.stderr + tried.stdout + tried.stderr
    )


def test_a_keystore_that_cannot_be_written_whole_is_not_there(tmp_path: Path) -> None:
    store = tmp_path / "ks.json"
    full = ("sh", "-c", 'ulimit -f 0 && exec "$@"', "sh")
    made = subprocess.run(
        [*full, sys.executable, "-B", "-m", "bin.main", "wallet", "import", "--stdin", "--yes", "--out", str(store)],
        input=f"{PRIVATE}\n{PASSWORD}\n", cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (made.returncode, made.stderr) == (1, f"error: {store} cannot be written: File too large\n")
    assert not store.exists(), "the next try does not find it there already"
