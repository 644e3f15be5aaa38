"""`keel wallet`: a private key is encrypted into a file, shown by its address, and tried. No venue is asked."""

import errno
import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from bin.live import told_as_commands
from surfaces.cli.errors import CommandError, Exit
from surfaces.cli.options import DEFAULTS, Global, Options
from surfaces.cli.output import Output, Text

if TYPE_CHECKING:
    from actors.venues.secret import Secret
    from config.settings import Settings

Config = Annotated[Path | None, Parameter(help="Configuration file; config.yaml where it is there.")]
EnvFile = Annotated[Path | None, Parameter(help="File of environment variables; .env where it is there.")]

_PASSWORD_MIN: Final = 8


def import_key(
    *,
    out: Annotated[Path | None, Parameter(help="The file; account.keystore_file, or keystore.json without it.")] = None,
    stdin: Annotated[
        bool, Parameter(negative="", help="Read two lines, the key and the password, in place of asking.")
    ] = False,
    config: Config = None,
    env_file: EnvFile = None,
    options: Options = DEFAULTS,
) -> int:
    """Encrypt a private key into a new keystore of mode 0600. Asks; nothing of it is shown.

    keel wallet import --out ~/.keel/keystore.json
    """
    from actors.venues.polymarket.keys import InvalidKey, SigningKey
    from bin.hardening import keep_to_itself
    from bin.keystore import lock

    keep_to_itself()
    settings = _settings(config, env_file)
    path = out or Path(settings.account.keystore_file or "keystore.json")
    private, password = _piped() if stdin else _asked(path)
    try:
        key = SigningKey(private)
    except InvalidKey as error:
        cause, _, fix = str(error).partition(": ")
        raise CommandError("configuration", cause, fix) from None
    if len(password.reveal()) < _PASSWORD_MIN:
        raise CommandError("usage", f"a password of a keystore has at least {_PASSWORD_MIN} characters")
    _confirm(f"the key of {key.address} goes into {path}", options, asks=not stdin)
    _write(path, lock(key, password))
    document = {"schema": "keel.wallet_import/1", "address": key.address, "keystore": str(path)}
    lines = [f"the key of {key.address} is in {path}", f"use it: account.keystore_file: {path}"]
    Output(options).show(document, Text(lines))
    return Exit.OK


def show(*, config: Config = None, env_file: EnvFile = None, options: Options = DEFAULTS) -> int:
    """Say whose account it is and where each of its secrets stands, never what they are.

    keel wallet show --json
    """
    from bin.admission import account_of
    from bin.hardening import keep_to_itself
    from bin.secrets import read_secrets
    from config.settings import ENV_FILE

    keep_to_itself()
    settings = _settings(config, env_file)
    with told_as_commands():
        secrets = read_secrets(settings, env_file or ENV_FILE)
        account = account_of(settings.account, secrets)
    document = {
        "schema": "keel.wallet/1", "address": account.key.address, "wallet": account.maker,
        "signature_type": int(account.signature_type), "chain_id": account.chain_id,
        "secrets": secrets.listed(), "exposed": list(secrets.exposed),
    }  # fmt: skip
    lines = [
        f"account {account.key.address}",
        f"wallet  {account.maker}, signature type {account.signature_type:d}, chain {account.chain_id}",
        *(f"{place}: the {secret}" for secret, place in secrets.places.items()),
        *(f"live refuses it there: {place}" for place in secrets.exposed),
    ]
    Output(options).show(document, Text(lines))
    return Exit.OK


def try_key(*, config: Config = None, env_file: EnvFile = None, options: Options = DEFAULTS) -> int:
    """Sign in, here or at the signer, and look whether the signature is the account's. Nothing is sent.

    keel wallet test
    """
    from actors.runtime.clock import SystemClock, monotonic_ns
    from actors.venues.polymarket.keys import signed_by
    from actors.venues.polymarket.orders import SigningRefused
    from actors.venues.polymarket.signables import SignIn
    from actors.venues.polymarket.typed_data import authentication_digest
    from bin.admission import account_of
    from bin.hardening import keep_to_itself
    from bin.secrets import PRIVATE_KEY, read_secrets
    from config.settings import ENV_FILE

    keep_to_itself()
    settings = _settings(config, env_file)
    with told_as_commands():
        secrets = read_secrets(settings, env_file or ENV_FILE)
        account = account_of(settings.account, secrets)
    now_s = SystemClock().now_ns() // 1_000_000_000
    what = SignIn(account.chain_id, account.key.address, now_s, 0)
    digest = authentication_digest(what.chain_id, what.address, what.timestamp_s, what.nonce)
    began_ns = monotonic_ns()
    try:
        signature = account.key.sign(digest, what)
    except SigningRefused as error:
        raise CommandError("failure", f"it does not sign: {error}") from None
    took_us = (monotonic_ns() - began_ns) // 1_000
    if signed_by(digest, signature) != account.key.address:
        raise CommandError("failure", f"the signature is not of {account.key.address}")
    place = secrets.places[PRIVATE_KEY]
    document = {"schema": "keel.wallet_test/1", "address": account.key.address, "from": place, "took_us": took_us}
    Output(options).show(document, Text([f"{account.key.address} signs, from {place}, in {took_us} us"]))
    return Exit.OK


def _settings(config: Path | None, env_file: Path | None) -> "Settings":
    from config.problems import ConfigurationError
    from config.settings import CONFIG_FILE, ENV_FILE, load

    try:
        return load(config_file=config or CONFIG_FILE, env_file=env_file or ENV_FILE)
    except ConfigurationError as error:
        raise CommandError("configuration", str(error)) from error


def _piped() -> "tuple[Secret, Secret]":
    from bin.secret_sources import PASSWORD, cleaned
    from bin.secrets import PRIVATE_KEY

    return cleaned(PRIVATE_KEY, sys.stdin.readline()), cleaned(PASSWORD, sys.stdin.readline())


def _asked(path: Path) -> "tuple[Secret, Secret]":
    from actors.venues.secret import Secret

    if not sys.stdin.isatty():
        raise CommandError("confirmation_required", "nobody can be asked for a key here", "pipe it in: --stdin --yes")
    private = Secret(getpass.getpass("Private key: ", sys.stderr).strip())
    password = Secret(getpass.getpass(f"Password of {path}: ", sys.stderr))
    if password != Secret(getpass.getpass("Once more: ", sys.stderr)):
        raise CommandError("usage", "the two passwords differ, nothing was done")
    return private, password


def _confirm(question: str, options: Global, *, asks: bool) -> None:
    if options.yes:
        return
    if not asks:
        raise CommandError("confirmation_required", question, "add --yes")
    sys.stderr.write(f"{question}. Go on? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("refused", "not confirmed, nothing was done")


def _write(path: Path, body: bytes) -> None:
    """Write a new file, whole or not at all."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(file, "wb", buffering=0) as out:
                if out.write(body) != len(body):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except FileExistsError:
        raise CommandError("refused", f"{path} is there already", "name another with --out, or move it away") from None
    except OSError as error:
        raise CommandError("failure", f"{path} cannot be written: {error.strerror}") from None
