"""The secrets of an account, from the environment or from files that nobody else may read.

Why here and not in `config`: the configuration compares secrets and keeps none. What reads them is loaded in live and
in `doctor` only, and hands on what cannot be shown.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actors.venues.polymarket.credentials import Credentials, InvalidCredentials
from actors.venues.polymarket.keys import InvalidKey, SigningKey
from actors.venues.polymarket.relayer import OwnKey, RelayerKey
from actors.venues.secret import Secret
from config.settings import Settings
from config.sources import SECRETS, read_env_file

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_TRIPLE: Final = ("API key", "API secret", "API passphrase")
_BUILDER: Final = ("builder API key", "builder secret", "builder passphrase")


class SecretProblem(Exception):
    """A secret is missing or cannot be used. The text says which and why, `fix` what to do; neither says what it is."""

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(cause)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Secrets:
    """The key that signs, the API key that goes with it where one was given, and that of the venue's relayer."""

    key: SigningKey
    credentials: Credentials | None
    relayer: RelayerKey | None


def read_secrets(settings: Settings, env_file: Path | None, environment: Mapping[str, str] = os.environ) -> Secrets:
    """Read the secrets of the account. Raises SecretProblem."""
    found = _Found(environment, env_file)
    try:
        key = SigningKey(_private_key(settings.account.private_key_file, found))
        return Secrets(key, _credentials(found), _relayer_key(found, key.address))
    except (InvalidKey, InvalidCredentials) as error:
        cause, _, fix = str(error).partition(": ")
        raise SecretProblem(
            cause, fix or "copy it whole, or leave all three of the API key out to have them made"
        ) from None


class _Found:
    """Secrets by what they are, whichever of their names they stand under."""

    def __init__(self, environment: Mapping[str, str], env_file: Path | None) -> None:
        in_file = {} if env_file is None else read_env_file(env_file)
        variables = {**in_file, **{name: value for name, value in environment.items() if value}}
        self._secrets = {
            secret: Secret(variables[name]) for secret, names in SECRETS.items() for name in names if name in variables
        }
        if env_file is not None and any(name in in_file for names in SECRETS.values() for name in names):
            _must_be_private(env_file)

    def get(self, secret: str) -> Secret | None:
        return self._secrets.get(secret)


def _private_key(file: str | None, found: _Found) -> Secret:
    named = found.get("private key")
    if file is None:
        if named is None:
            raise SecretProblem(
                "no private key is given",
                "set POLYMARKET_PRIVATE_KEY in the environment or in .env, or account.private_key_file",
            )
        return named
    if named is not None:
        raise SecretProblem(
            "the private key is given twice: in the environment, and by account.private_key_file",
            "leave one of them out",
        )
    path = Path(file)
    try:
        _must_be_private(path)
        return Secret(path.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SecretProblem(
            f"the private key file {path} cannot be read: {reason}", "name a file that is there"
        ) from None


def _credentials(found: _Found) -> Credentials | None:
    return _triple(found, _TRIPLE, "the API key", "give all three, or none to have them made")


def _relayer_key(found: _Found, address: str) -> RelayerKey | None:
    """Return the account's own key of the relayer, before a builder's, which may bring anybody's transactions."""
    own = found.get("relayer API key")
    if own is not None:
        return OwnKey(own, address)
    return _triple(found, _BUILDER, "the builder's key", "give all three, or none")


def _triple(found: _Found, names: tuple[str, str, str], whose: str, fix: str) -> Credentials | None:
    key, secret, passphrase = (found.get(name) for name in names)
    if key is None or secret is None or passphrase is None:
        missing = [name for name in names if found.get(name) is None]
        if len(missing) == len(names):
            return None
        raise SecretProblem(
            f"of {whose}, its secret and passphrase only some are given; missing: {', '.join(missing)}", fix
        )
    return Credentials(key.reveal(), secret, passphrase)


def _must_be_private(path: Path) -> None:
    mode = path.stat().st_mode
    if mode & _OTHERS:
        raise SecretProblem(
            f"{path} holds a secret and may be read by others (mode {stat.S_IMODE(mode):04o})", f"chmod 600 {path}"
        )
