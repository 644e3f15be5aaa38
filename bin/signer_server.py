"""The socket of a signer: frames in, signatures or reasons out, one thread for each of a few connections.

Why so little is answered to what is not understood: whoever speaks another language has no business here. Its
connection is closed, and the log has a line.
"""

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from threading import BoundedSemaphore, Lock, Thread
from typing import Any, Final

import msgspec
from loguru import logger

from actors.runtime.clock import Clock
from actors.venues.polymarket.keys import SigningKey
from actors.venues.polymarket.remote_signer import Answer, Question, WhoSigns, peer_uid, read_frame, write_frame
from actors.venues.polymarket.signables import Signable, SignOrder
from bin.signer_log import SignerLog
from bin.signer_policy import Policy, Refused
from surfaces.socket_file import is_answered

_QUESTIONS: Final = msgspec.json.Decoder(Question)
_CONNECTIONS_MAX: Final = 8
_IDLE_S: Final = 60.0
_LOOK_S: Final = 0.2
_REFUSED_MAX: Final = 2_048
"""So much is logged of a question that is refused: a hundred a second of 64 KiB each would fill a disk within a day."""


class SignerServer:
    """Signs with `key` what the `policy` lets pass, and logs it. `serve` returns after `stop`."""

    def __init__(self, key: SigningKey, policy: Policy, log: SignerLog, clock: Clock) -> None:
        self._key = key
        self._policy = policy
        self._log = log
        self._clock = clock
        self._lock = Lock()
        self._room = BoundedSemaphore(_CONNECTIONS_MAX)
        self._open = set[socket.socket]()
        self._stopped = False
        self._too_fast_ns = 0

    def serve(self, listener: socket.socket) -> None:
        """Answer whoever connects."""
        listener.settimeout(_LOOK_S)
        while not self._stopped:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            if not self._room.acquire(blocking=False):
                logger.warning("a connection was refused: {} are open", _CONNECTIONS_MAX)
                connection.close()
                continue
            self._open.add(connection)
            Thread(target=self._attend, args=(connection,), name="signer", daemon=True).start()
        for connection in tuple(self._open):
            with suppress(OSError):  # it has just ended
                connection.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Have `serve` return soon."""
        self._stopped = True

    def answer(self, body: bytes) -> Answer:
        """Decide on one question. Raises ValueError for what is none."""
        try:
            question = _QUESTIONS.decode(body)
        except RecursionError:
            raise ValueError("it is nested too deep") from None
        if isinstance(question, WhoSigns):
            return Answer(address=self._key.address)
        with self._lock:
            return self._decided(question)

    def _attend(self, connection: socket.socket) -> None:
        try:
            with connection:
                uid = peer_uid(connection)
                if uid != os.getuid():
                    logger.warning("a connection of user {} was refused", uid)
                    return
                connection.settimeout(_IDLE_S)
                while not self._stopped and (body := read_frame(connection)) is not None:
                    write_frame(connection, msgspec.json.encode(self.answer(body)))
        except (ValueError, EOFError) as error:
            logger.warning("a connection was closed: it does not ask as it should ({})", type(error).__name__)
        except OSError as error:
            logger.debug("a connection has ended: {}", error)
        finally:
            self._open.discard(connection)
            self._room.release()

    def _decided(self, what: Signable) -> Answer:
        now_ns = self._clock.now_ns()
        try:
            self._policy.admit(now_ns)
        except Refused as refused:
            # A line for each would fill the disk at the pace of whoever asks.
            if now_ns - self._too_fast_ns > 1_000_000_000:
                self._too_fast_ns = now_ns
                self._written(now_ns, what, {"signed": False, "reason": str(refused)})
            return Answer(refused=str(refused))
        try:
            digest = self._policy.digest(what, now_ns)
        except Refused as refused:
            logger.warning("refused: {}", refused)
            self._written(now_ns, what, {"signed": False, "reason": str(refused)})
            return Answer(refused=str(refused))
        signature = self._key.sign(digest, what)
        if not self._written(now_ns, what, {"signed": True, "digest": digest.hex()}):
            return Answer(refused="the log of the signer cannot be written")
        return Answer(signature=signature.hex())

    def _written(self, now_ns: int, what: Signable, decision: dict[str, Any]) -> bool:
        said = msgspec.to_builtins(what)
        said["what"] = said.pop("type")
        if isinstance(what, SignOrder):
            said["gives"] = what.order.making
        if not decision["signed"] and len(text := msgspec.json.encode(said, enc_hook=str).decode()) > _REFUSED_MAX:
            said = {"what": said["what"], "asked": text[:_REFUSED_MAX], "asked_length": len(text)}
        try:
            self._log.write(now_ns, {**decision, **said})
        except OSError as error:
            logger.error("the log cannot be written, so nothing is signed: {}", error)
            return False
        return True


def listening(path: Path) -> socket.socket:
    """Listen on a socket of mode 0600 in a folder of mode 0700. Raises OSError where that cannot be."""
    folder = path.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} has to be a folder of ours with mode 0700")
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(f"{path} is there, and is no socket")
        if is_answered(path):
            raise FileExistsError(f"another process listens on {path}")
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(_CONNECTIONS_MAX)
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener
