"""Where secrets may stand: systemd's credentials, the keyring, files that are ours alone, the environment.

Why files are judged when they are open: what is judged by its name may be another file when it is read.
"""

import importlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from actors.venues.secret import Secret
from config.problems import ConfigurationError
from config.sources import SECRETS, read_env_file

PASSWORD: Final = "keystore password"  # noqa: S105 - what it is called
SERVICE: Final = "keel"
"""What keyrings know us as."""

_BYTES_MAX: Final = 64 * 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class SecretProblem(Exception):
    """A secret is missing or cannot be used. The text says which and why, `fix` what to do; neither says what it is.

    `retryable`: it may be there the next time, though nobody does anything.
    """

    def __init__(self, cause: str, fix: str, *, retryable: bool = False) -> None:
        super().__init__(cause)
        self.fix = fix
        self.retryable = retryable


class Found(NamedTuple):
    """A secret, and the place where it stands in words. `exposed`: other processes of the user can read it there."""

    secret: str
    place: str
    value: Secret
    exposed: bool = False


def file_name(secret: str) -> str:
    """Return what a secret is called among credentials, in a keyring and in a folder: `api_secret`."""
    return secret.lower().replace(" ", "_")


def credentials_folder(environment: Mapping[str, str]) -> Path | None:
    """Return the folder in which systemd puts the credentials of a unit."""
    named = environment.get("CREDENTIALS_DIRECTORY")
    return Path(named) if named else None


def in_credentials(environment: Mapping[str, str], names: tuple[str, ...]) -> Iterator[Found]:
    """Yield what stands among systemd's credentials. Raises SecretProblem."""
    folder = credentials_folder(environment)
    for secret in names if folder is not None else ():
        path = folder / file_name(secret)  # pyright: ignore[reportOptionalOperand] - there are no names without it
        if path.exists():
            yield Found(secret, f"systemd credential {path.name}", _read(secret, path, by_systemd=True))


def in_keyring(names: tuple[str, ...]) -> Iterator[Found]:
    """Yield what stands in the keyring of the desktop or the system, where the library for it is installed."""
    try:
        library: Any = importlib.import_module("keyring")
    except ImportError:
        return
    for secret in names:
        with suppress(Exception):  # no keyring here, or a locked one, which is as good as none
            text = library.get_password(SERVICE, file_name(secret))
            if text:
                yield Found(secret, f"keyring {SERVICE} {file_name(secret)}", cleaned(secret, text))


def in_folder(folder: Path | None, names: tuple[str, ...]) -> Iterator[Found]:
    """Yield what stands in a folder of files. Raises SecretProblem."""
    for secret in names if folder is not None else ():
        path = folder / file_name(secret)  # pyright: ignore[reportOptionalOperand] - there are no names without it
        if path.exists():
            yield Found(secret, f"file {path}", _read(secret, path))


def in_file(secret: str, path: Path) -> Found:
    """Return the secret that a file holds. Raises SecretProblem."""
    return Found(secret, f"file {path}", _read(secret, path))


def in_environment(environment: Mapping[str, str], env_file: Path | None) -> Iterator[Found]:
    """Yield what stands in the environment and in a `.env` file.

    A file among systemd's credentials is one of them. Raises SecretProblem for a file that others may read, or nobody.
    """
    try:
        said = {} if env_file is None else read_env_file(env_file)
    except ConfigurationError as error:
        raise SecretProblem(str(error), "make it a text file that you can read, or remove it") from None
    if env_file is not None and any(name in said for names in SECRETS.values() for name in names):
        by_systemd = env_file.parent == credentials_folder(environment)
        os.close(_opened(env_file, by_systemd=by_systemd))
        for secret, name in _named(said):
            place = f"systemd credential {env_file.name}, {name}" if by_systemd else f"{env_file} {name}"
            yield Found(secret, place, Secret(said[name].strip()), exposed=not by_systemd)
    for secret, name in _named(environment):
        yield Found(secret, f"environment {name}", Secret(environment[name].strip()), exposed=True)


def cleaned(secret: str, text: str) -> Secret:
    """Return a secret without the space around it; a password may begin and end with some, and loses its line end."""
    return Secret(text.rstrip("\r\n") if secret == PASSWORD else text.strip())


def read_private(path: Path) -> bytes:
    """Return what a file holds that is ours alone. Raises SecretProblem."""
    return _content(path)


def _named(variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for secret, names in SECRETS.items():
        for name in names:
            if variables.get(name):
                yield secret, name


def _read(secret: str, path: Path, *, by_systemd: bool = False) -> Secret:
    try:
        found = cleaned(secret, _content(path, by_systemd=by_systemd).decode())
    except UnicodeDecodeError:
        raise SecretProblem(f"{path} cannot be read: it is no text", "name a file that holds the secret") from None
    if not found:
        raise SecretProblem(f"{path} is empty", "put the secret into it, or take it away")
    return found


def _content(path: Path, *, by_systemd: bool = False) -> bytes:
    with os.fdopen(_opened(path, by_systemd=by_systemd), "rb") as file:
        return file.read(_BYTES_MAX)


def _opened(path: Path, *, by_systemd: bool = False) -> int:
    """Open a file that nobody else may read, write or replace; what systemd gives may be root's, and its group's."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        found, folder = os.fstat(file), path.resolve().parent.stat()
    except OSError as error:
        raise SecretProblem(f"{path} cannot be read: {error.strerror}", "name a file that is there, and ours") from None
    mode, owners = found.st_mode, (os.getuid(), 0) if by_systemd else (os.getuid(),)
    problem = None
    if not stat.S_ISREG(mode):
        problem = SecretProblem(f"{path} is not a file", "name a file that holds the secret")
    elif found.st_uid not in owners:
        problem = SecretProblem(f"{path} holds a secret and is user {found.st_uid}'s, not ours", f"chown it: {path}")
    elif mode & (stat.S_IRWXO if by_systemd else _OTHERS):
        problem = SecretProblem(
            f"{path} holds a secret and may be read by others (mode {stat.S_IMODE(mode):04o})", f"chmod 600 {path}"
        )
    elif folder.st_mode & stat.S_IWOTH:
        problem = SecretProblem(
            f"{path} holds a secret in a folder that anybody may write", f"move it, or: chmod o-w {path.parent}"
        )
    if problem is not None:
        os.close(file)
        raise problem
    return file
