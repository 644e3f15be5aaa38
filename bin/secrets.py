"""The secrets of an account, from wherever they may stand, to whatever hands them on without showing them.

Why here and not in `config`: the configuration compares secrets and keeps none. What reads them is loaded in live and
in `doctor` only.

Why every source is looked at, though the first decides: a key that was changed in one place and not in the other is
found at the start, and not by the venue. Why live takes none from the environment: it stands in /proc for as long as
the process runs, each child has it, and stolen `.env` files are how bots lose their money. A venue on this machine
trades no money, and asks for none of this.
"""

import getpass
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Final

from loguru import logger

from actors.runtime.clock import monotonic_ns
from actors.venues.polymarket.credentials import Credentials, InvalidCredentials
from actors.venues.polymarket.keys import InvalidKey, Key, SigningKey
from actors.venues.polymarket.orders import SigningRefused
from actors.venues.polymarket.relayer import OwnKey, RelayerKey
from actors.venues.polymarket.remote_signer import RemoteKey, SignerAbsent
from actors.venues.redaction import hide_key_of
from actors.venues.secret import Secret
from bin.keystore import InvalidKeystore, WrongPassword, unlock
from bin.secret_sources import (
    PASSWORD,
    Found,
    SecretProblem,
    file_name,
    in_credentials,
    in_environment,
    in_file,
    in_folder,
    in_keyring,
    read_private,
)
from config.run import AccountParameters
from config.settings import ENV_FILE, Settings
from config.sources import SECRETS

PRIVATE_KEY: Final = "private key"

_REST: Final = tuple(secret for secret in SECRETS if secret != PRIVATE_KEY)
_TRIPLE: Final = ("API key", "API secret", "API passphrase")
_BUILDER: Final = ("builder API key", "builder secret", "builder passphrase")
_WAITED_S: Final = 15.0
"""For so long a live start waits for a signer that is not there: service managers start both at once."""
_AGAIN_S: Final = 0.5
_WAY_OUT: Final = "keel wallet import encrypts a key into a file; docs/secrets.md lists where secrets may stand"


@dataclass(frozen=True, slots=True)
class Secrets:
    """The key that signs, the API key that goes with it where one was given, and that of the venue's relayer.

    `places` says in words where each stands, `exposed` where other processes of the user can read one.
    """

    key: Key
    credentials: Credentials | None
    relayer: RelayerKey | None
    places: Mapping[str, str]
    exposed: tuple[str, ...]

    def listed(self) -> list[dict[str, str]]:
        """Return what stands where, for documents."""
        return [{"what": secret, "place": place} for secret, place in self.places.items()]


def read_secrets(
    settings: Settings,
    env_file: Path | None,
    environment: Mapping[str, str] = os.environ,
    *,
    guarded: bool = False,
    as_signer: bool = False,
) -> Secrets:
    """Read the secrets of the account. Raises SecretProblem.

    `guarded`: none may stand where other processes can read it. `as_signer`: the key is read here though a signer has
    it.
    """
    signer = None if as_signer else settings.account.signer
    found = _found(settings, env_file, environment, with_files=signer is None)
    exposed = _exposed(found)
    if guarded and exposed:
        raise SecretProblem(
            f"live takes no secret from where other processes can read it: {', '.join(exposed)}",
            f"take it away there and put it elsewhere: {_WAY_OUT}",
        )
    values = _settled(found)
    places = {one.secret: one.place for one in reversed(found)}
    try:
        if signer is not None:
            if guarded:
                _refuse_beside(signer, settings.account, places)
            key: Key = _remote_key(Path(signer), _WAITED_S if guarded else 0.0)
            places[PRIVATE_KEY] = f"signer {signer}"
        elif PRIVATE_KEY not in values:
            raise SecretProblem(
                "no private key is given",
                "account.keystore_file, a systemd credential, a keyring or account.private_key_file, or on paper and "
                "against a sandbox POLYMARKET_PRIVATE_KEY: docs/secrets.md",
            )
        else:
            key = SigningKey(values[PRIVATE_KEY])
        hide_key_of(key.address)
        return Secrets(key, _credentials(values), _relayer_key(values, key.address), places, exposed)
    except (InvalidKey, InvalidCredentials) as error:
        cause, _, fix = str(error).partition(": ")
        raise SecretProblem(
            cause, fix or "copy it whole, or leave all three of the API key out to have them made"
        ) from None
    except SigningRefused as error:
        fix = "start it: keel signer; account.signer names its socket"
        raise SecretProblem(str(error), fix, retryable=isinstance(error, SignerAbsent)) from None


def has_key(settings: Settings, env_file: Path | None, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a private key is given anywhere; none is opened, and nobody is asked."""
    account = settings.account
    if account.signer or account.keystore_file or account.private_key_file:
        return True
    return any(one.secret == PRIVATE_KEY for one in _found(settings, env_file, environment, with_files=True))


def keystore_password(environment: Mapping[str, str], path: Path) -> Secret:
    """Return the password of a keystore, asked for where it stands nowhere. Raises SecretProblem."""
    for one in (*in_credentials(environment, (PASSWORD,)), *in_keyring((PASSWORD,))):
        return one.value
    if not sys.stdin.isatty():
        raise SecretProblem(
            f"nobody can be asked for the password of {path}",
            "give it as the systemd credential keystore_password, or put it into the keyring: "
            "keyring set keel keystore_password",
        )
    return Secret(getpass.getpass(f"Password of {path}: ", sys.stderr))


def _found(
    settings: Settings, env_file: Path | None, environment: Mapping[str, str], *, with_files: bool
) -> list[Found]:
    """Return all that stands anywhere, the strongest first. Raises SecretProblem."""
    account = settings.account
    names = tuple(SECRETS)
    files = names if with_files else _REST
    found = list(in_credentials(environment, names))
    if with_files and account.keystore_file is not None:
        path = Path(account.keystore_file)
        body = read_private(path)
        try:
            found.append(Found(PRIVATE_KEY, f"keystore {path}", unlock(body, keystore_password(environment, path))))
        except WrongPassword as error:
            fix = "type it as it was when the key was imported; correct it where a credential or the keyring has it"
            raise SecretProblem(f"{path}: {error}", fix) from None
        except InvalidKeystore as error:
            raise SecretProblem(f"{path}: {error}", "keel wallet import makes a new one") from None
    found += in_keyring(files)
    if with_files and account.private_key_file is not None:
        found.append(in_file(PRIVATE_KEY, Path(account.private_key_file)))
    found += in_folder(None if account.secrets_dir is None else Path(account.secrets_dir), files)
    return [*found, *in_environment(environment, env_file)]


def _settled(found: Iterable[Found]) -> dict[str, Secret]:
    """Return each secret once. Raises SecretProblem where two places do not say the same."""
    first: dict[str, Found] = {}
    for one in found:
        before = first.setdefault(one.secret, one)
        if _plain(before) != _plain(one):
            raise SecretProblem(
                f"the {one.secret} is given twice, and differs: {before.place}, {one.place}", "leave one of them out"
            )
    return {secret: one.value for secret, one in first.items()}


def _plain(found: Found) -> Secret:
    """Return a secret as it is compared: a key is the same with 0x and in capitals."""
    if found.secret != PRIVATE_KEY:
        return found.value
    return Secret(found.value.reveal().strip().lower().removeprefix("0x"))


def _exposed(found: Iterable[Found]) -> tuple[str, ...]:
    """Return the places where others can read a secret; a `.env` where we stand is one, whoever reads it."""
    here = in_environment({}, ENV_FILE)
    return tuple(dict.fromkeys(one.place for one in (*found, *here) if one.exposed))


def _refuse_beside(signer: str, account: AccountParameters, places: Mapping[str, str]) -> None:
    """Refuse a private key where the engine could read it; what is a file is not opened for that."""
    folder = account.secrets_dir
    files = (account.private_key_file, None if folder is None else str(Path(folder) / file_name(PRIVATE_KEY)))
    beside = [f"file {path}" for path in files if path is not None and os.access(path, os.F_OK)]
    beside += [places[PRIVATE_KEY]] if PRIVATE_KEY in places else [one.place for one in in_keyring((PRIVATE_KEY,))]
    if beside:
        raise SecretProblem(
            f"the signer {signer} has the private key, and it stands within reach of the engine: {', '.join(beside)}",
            "take it away there, or leave account.signer out",
        )


def _remote_key(path: Path, within_s: float) -> RemoteKey:
    """Return the key that a signer has; one that is just being started anew is asked again. Raises SigningRefused."""
    until_ns, waits = monotonic_ns() + int(within_s * 1_000_000_000), False
    while True:
        try:
            return RemoteKey(path)
        except SignerAbsent as absent:
            if monotonic_ns() >= until_ns:
                raise
            if not waits:
                logger.warning("{}; it is asked again for {:g} s", absent, within_s)
            waits = True
        Event().wait(_AGAIN_S)


def _credentials(values: Mapping[str, Secret]) -> Credentials | None:
    return _triple(values, _TRIPLE, "the API key", "give all three, or none to have them made")


def _relayer_key(values: Mapping[str, Secret], address: str) -> RelayerKey | None:
    """Return the account's own key of the relayer, before a builder's, which may bring anybody's transactions."""
    own = values.get("relayer API key")
    if own is not None:
        return OwnKey(own, address)
    return _triple(values, _BUILDER, "the builder's key", "give all three, or none")


def _triple(values: Mapping[str, Secret], names: tuple[str, str, str], whose: str, fix: str) -> Credentials | None:
    key, secret, passphrase = (values.get(name) for name in names)
    if key is None or secret is None or passphrase is None:
        missing = [name for name in names if name not in values]
        if len(missing) == len(names):
            return None
        raise SecretProblem(
            f"of {whose}, its secret and passphrase only some are given; missing: {', '.join(missing)}", fix
        )
    return Credentials(key.reveal(), secret, passphrase)
