"""The key of an account that stands in a process of its own (`keel signer`), which is asked over a Unix socket.

    4 bytes length, JSON of what is to be signed -> 4 bytes length, JSON: the signature, or why there is none

Why what comes back is checked: a signature that is not of this digest by this account would be refused by the venue, as
an order of ours that nobody can explain.

Why one connection under a lock, and a request that is sent twice: the same terms give the same signature, and the
signer counts them once. So a connection that was cut costs a second try and nothing else.

Why a signer that was not there is not asked again for a while: a lane that signs many orders in a turn must not wait
for each of them.
"""

import os
import socket
import struct
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec

from actors.runtime.clock import monotonic_ns
from actors.venues.polymarket.keys import InvalidKey, address_bytes, checksum_address, signed_by
from actors.venues.polymarket.orders import SigningRefused
from actors.venues.polymarket.signables import Signable

FRAME_MAX: Final = 64 * 1024
"""Bytes of the longest question and answer."""

_LENGTH: Final = struct.Struct(">I")
_WITHIN_S: Final = 1.0
_NOT_ASKED_NS: Final = 500_000_000


class SignerAbsent(SigningRefused):
    """Nobody signs at the other end: the process is not there, does not answer, or is not who it should be."""


class WhoSigns(msgspec.Struct, frozen=True, tag="who", forbid_unknown_fields=True):
    """Asks a signer for the account that it signs for."""


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a signer says: an address, a signature (hexadecimal, 65 bytes), or why it does not sign."""

    address: str = ""
    signature: str = ""
    refused: str = ""


Question = WhoSigns | Signable

_ANSWERS: Final = msgspec.json.Decoder(Answer)


class RemoteKey:
    """A key that others hold. Raises SignerAbsent where its signer does not say whose it is."""

    def __init__(self, path: Path, within_s: float = _WITHIN_S) -> None:
        self._path = path
        self._within_s = within_s
        self._lock = Lock()
        self._connection: socket.socket | None = None
        self._absent: tuple[int, SignerAbsent] | None = None
        """Until when nobody asks again, and what is said meanwhile."""
        self.address: Final = self._who()

    def sign(self, digest: bytes, what: Signable) -> bytes:
        """Have `what` signed. Raises SignerAbsent, SigningRefused with the signer's reason."""
        answer = self._asked(what)
        if answer.refused:
            raise SigningRefused(answer.refused)
        try:
            signature = bytes.fromhex(answer.signature)
            signer = signed_by(digest, signature)
        except (ValueError, InvalidKey):
            signer = "nobody"
        else:
            if signer == self.address:
                return signature
        raise SignerAbsent(f"the signer at {self._path} gave a signature of {signer}, not of {self.address}")

    def trouble(self) -> str:
        """Ask whether it would sign now; returns why not, nothing where it would."""
        try:
            address = self._who()
        except SignerAbsent as absent:
            return str(absent)
        return "" if address == self.address else f"the signer at {self._path} now signs for {address}"

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def __repr__(self) -> str:
        return f"<signer of {self.address} at {self._path}>"

    def _who(self) -> str:
        answer = self._asked(WhoSigns())
        try:
            return checksum_address(address_bytes(answer.address))
        except InvalidKey:
            raise SignerAbsent(f"the signer at {self._path} does not say whose key it has") from None

    def _asked(self, question: Question) -> Answer:
        body = msgspec.json.encode(question)
        with self._lock:
            if self._absent is not None and monotonic_ns() < self._absent[0]:
                raise SignerAbsent(*self._absent[1].args)
            try:
                answer = self._exchanged(body)
            except SignerAbsent as absent:
                self._absent = monotonic_ns() + _NOT_ASKED_NS, absent
                raise
            self._absent = None
            return answer

    def _exchanged(self, body: bytes) -> Answer:
        """Ask, and once more where the connection of before is gone. Raises SignerAbsent."""
        for is_last in (self._connection is None, True):
            try:
                connection = self._connected()
                write_frame(connection, body)
                return _ANSWERS.decode(read_frame(connection) or b"")
            except (OSError, EOFError, ValueError, RecursionError) as error:
                self._drop()
                if is_last or isinstance(error, TimeoutError):
                    raise self._why(error) from None
        raise AssertionError("the last try returns or raises")

    def _connected(self) -> socket.socket:
        if self._connection is None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.settimeout(self._within_s)
                connection.connect(os.fspath(self._path))
                uid = peer_uid(connection)
                if uid not in (os.getuid(), 0):
                    raise SignerAbsent(f"the process at {self._path} is of user {uid}, not of ours")
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _why(self, error: Exception) -> SignerAbsent:
        if isinstance(error, TimeoutError):
            reason = f"nothing within {self._within_s:g} s"
        else:
            reason = (error.strerror if isinstance(error, OSError) else "") or "the connection was cut"
        return SignerAbsent(f"the signer at {self._path} does not answer: {reason}")


def read_frame(connection: socket.socket) -> bytes | None:
    """Read one frame; None where the other end has closed between two.

    Raises ValueError for one that is too long, EOFError for one that was cut off, OSError.
    """
    head = _read(connection, _LENGTH.size)
    if not head:
        return None
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    if length > FRAME_MAX:
        raise ValueError(f"{length} bytes, more than {FRAME_MAX}")
    body = _read(connection, length)
    if len(body) < length:
        raise EOFError
    return body


def write_frame(connection: socket.socket, body: bytes) -> None:
    """Write one frame. Raises OSError."""
    connection.sendall(_LENGTH.pack(len(body)) + body)


def peer_uid(connection: socket.socket) -> int:
    """Return the user of the process at the other end of a socket. Raises OSError where the system does not say it."""
    if not hasattr(socket, "SO_PEERCRED"):
        raise OSError("this system does not say whose process is at the other end")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return uid


def _read(connection: socket.socket, length: int) -> bytes:
    """Read so many bytes, fewer where the other end has closed."""
    pieces: list[bytes] = []
    while length and (piece := connection.recv(length)):
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)
