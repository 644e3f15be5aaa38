"""Where the control socket of an engine is, for the engine that binds it and the clients that look for it.

Why a client looks whose socket it is: an impostor who lays one in a shared folder would be told all commands, and could
answer that everything was cancelled.

Why the data folder decides: two engines on one machine differ by it, so their sockets do too. A path that is too long
for the system's address (108 bytes) moves to a short folder, and the file `run/socket` says where.
"""

import hashlib
import os
import socket
import stat
from pathlib import Path
from typing import Final

_PATH_MAX: Final = 100
_CONNECT_S: Final = 0.5


class SocketTaken(RuntimeError):
    """Another engine listens there."""


def socket_path(data_dir: Path) -> Path:
    """Return the socket path of a data folder."""
    folder = data_dir.absolute()
    path = folder / "run" / "keel.sock"
    if _fits(path):
        return path
    name = f"{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}.sock"
    user = f"keel-{os.getuid()}"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and _fits(short := Path(runtime) / user / name):
        return short
    return Path("/tmp") / user / name  # noqa: S108 - the folder is ours and 0700, or refused


def find_socket(data_dir: Path) -> Path:
    """Return where the engine of a data folder says that it listens; nobody need be there."""
    pointer = data_dir / "run" / "socket"
    try:
        told = pointer.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return socket_path(data_dir)
    return Path(told) if told else socket_path(data_dir)


def bind(data_dir: Path) -> tuple[socket.socket, Path]:
    """Listen on the socket of a data folder, in a folder of mode 0700, the socket itself 0600.

    A file without a listener is replaced, a link is not: whoever has laid it chose where the socket would be.

    Raises:
        SocketTaken: someone listens there.
        PermissionError: the folder is another user's, or it or the socket is a link.
    """
    path = socket_path(data_dir)
    _private(path.parent)
    if path.is_symlink():
        raise PermissionError(f"{path} is a link: the control socket will not be put there; remove it")
    if is_answered(path):
        raise SocketTaken(f"an engine listens on {path}")
    path.unlink(missing_ok=True)
    pointer = data_dir / "run" / "socket"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(mask)
    listener.listen()
    if path.parent == pointer.parent.absolute():
        pointer.unlink(missing_ok=True)
    else:
        _private(pointer.parent)
        pointer.write_text(f"{path}\n", encoding="utf-8")
    return listener, path


def stranger(path: Path) -> str:
    """Say why nobody should talk to a socket: it, or its folder, is another user's, or a link. Empty where all is well.

    What is not there is no stranger's.
    """
    for found in (path, path.parent):
        try:
            status = found.lstat()
        except OSError:
            continue
        if stat.S_ISLNK(status.st_mode):
            return f"{found} is a link"
        if status.st_uid != os.getuid():
            return f"{found} is of another user (uid {status.st_uid})"
    return ""


def is_answered(path: Path) -> bool:
    """Whether anyone accepts connections at a path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_CONNECT_S)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= _PATH_MAX


def _private(folder: Path) -> None:
    """Make a folder that only we can enter. A folder of another user, or a link to somewhere, is refused."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{folder} is not a folder of ours: the control socket will not be put there")
    folder.chmod(0o700)
