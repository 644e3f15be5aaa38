"""A signer at its socket: what it answers, whom it turns away, what it keeps; and an engine's key that asks it."""

import json
import os
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Thread

import msgspec
import pytest
from msgspec.structs import replace

from actors.runtime.clock import SystemClock
from actors.venues.polymarket.keys import SigningKey
from actors.venues.polymarket.orders import Account, SignatureType, SignedOrder, SigningRefused, UnsignedOrder
from actors.venues.polymarket.remote_signer import (
    FRAME_MAX,
    RemoteKey,
    SignerAbsent,
    WhoSigns,
    read_frame,
    write_frame,
)
from actors.venues.polymarket.signables import SignIn
from actors.venues.polymarket.signing import DigestSigner, signer_for
from actors.venues.secret import Secret
from bin.signer_log import SignerLog
from bin.signer_policy import Policy
from bin.signer_server import SignerServer, listening
from config.run import SignerParameters
from models.markets import Side
from models.units import DOLLAR, SHARE

KEY = SigningKey(Secret("43".zfill(64)))
WALLET = "0x1111111111111111111111111111111111111111"
LIMITS = SignerParameters(order_usd=30 * DOLLAR, day_usd=100 * DOLLAR)
CLOCK = SystemClock()


def account(key: object = KEY) -> Account:
    return Account(key, 137, SignatureType.DEPOSIT_WALLET, WALLET)  # pyright: ignore[reportArgumentType]


def order(**changed: object) -> UnsignedOrder:
    made = UnsignedOrder("12", False, Side.BUY, 24 * DOLLAR, 50 * SHARE, 7, CLOCK.now_ns() // 1_000_000)
    return replace(made, **changed)


@contextmanager
def signer(folder: Path, key: SigningKey = KEY) -> Iterator[Path]:
    """Run a signer in this process."""
    log, path = SignerLog(folder), folder / "s.sock"
    day, spent = log.spent(CLOCK.now_ns())
    server = SignerServer(key, Policy(account(key), LIMITS, day=day, spent=spent), log, CLOCK)
    listener = listening(path)
    thread = Thread(target=server.serve, args=(listener,))
    thread.start()
    try:
        yield path
    finally:
        server.stop()
        thread.join(10)
        listener.close()
        path.unlink()
        log.close()


@contextmanager
def disk_full_at(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "signer"
    made.mkdir(mode=0o700)
    return made


def sign(remote: RemoteKey, one: UnsignedOrder | None = None) -> SignedOrder:
    return signer_for(2, account(remote)).sign(one or order())


def lines(folder: Path) -> list[dict[str, object]]:
    (file,) = folder.glob("signed-*.jsonl")
    assert file.stat().st_mode & 0o777 == 0o600
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


@pytest.mark.proves("I43")
def test_an_order_is_signed_as_by_the_key_itself_and_stands_in_the_log(folder: Path) -> None:
    with signer(folder) as path:
        assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
        remote, asked = RemoteKey(path), order()
        assert remote.address == KEY.address
        assert sign(remote, asked) == DigestSigner(2, account()).sign(asked)
        with pytest.raises(SigningRefused, match="gives 31"):
            sign(remote, order(making=31 * DOLLAR, taking=62 * SHARE))
        remote.close()
    signed, refused = lines(folder)
    assert (signed["signed"], signed["what"], signed["gives"]) == (True, "order", 24 * DOLLAR)
    assert (refused["signed"], "gives 31" in str(refused["reason"])) == (False, True)


@pytest.mark.proves("I43")
def test_what_a_day_may_give_is_not_begun_anew_by_a_restart(folder: Path) -> None:
    for number in range(2):
        with signer(folder) as path, closing(RemoteKey(path)) as remote:
            sign(remote, order(salt=2 * number))
            sign(remote, order(salt=2 * number + 1))
    told = pytest.raises(SigningRefused, match="have given 96")
    with signer(folder) as path, closing(RemoteKey(path)) as remote, told:
        sign(remote, order(salt=9))


@pytest.mark.proves("I43")
def test_what_was_signed_behind_a_line_that_was_cut_off_is_counted(folder: Path) -> None:
    log, now_ns = SignerLog(folder), CLOCK.now_ns()
    one = {"signed": True, "what": "order", "gives": 24 * DOLLAR}
    log.write(now_ns, {**one, "digest": "aa"})
    (file,) = folder.glob("signed-*.jsonl")
    with disk_full_at(file.stat().st_size + 20):
        for match in ("cut off", "too large", "too large"):
            with pytest.raises(OSError, match=match):
                log.write(now_ns, {**one, "digest": "bb"})
    log.write(now_ns, {**one, "digest": "cc"})
    log.close()
    assert SignerLog(folder).spent(now_ns)[1] == 48 * DOLLAR, "of the three, two were signed"


def test_a_signer_that_dies_is_missed_at_once_and_found_again(folder: Path) -> None:
    with signer(folder) as path:
        remote = RemoteKey(path)
        assert remote.trouble() == ""
    with pytest.raises(SignerAbsent, match="does not answer: No such file"):
        sign(remote)
    began = time.monotonic()
    for _ in range(50):
        with pytest.raises(SignerAbsent):
            sign(remote)
    assert time.monotonic() - began < 3, "nobody waits for it again and again"
    assert "does not answer" in remote.trouble()
    with signer(folder):
        while remote.trouble():
            assert time.monotonic() - began < 20
            time.sleep(0.02)
        assert sign(remote)
        remote.close()


def test_a_signer_of_another_key_is_not_ours(folder: Path) -> None:
    with signer(folder) as path:
        remote = RemoteKey(path)
    other = SigningKey(Secret("44".zfill(64)))
    with signer(folder, other):
        time.sleep(0.5)
        assert f"now signs for {other.address}" in remote.trouble()
        with pytest.raises(SigningRefused):
            sign(remote)
        remote.close()


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack(">I", FRAME_MAX + 1), struct.pack(">I", 2) + b"{}", struct.pack(">I", 5) + b"[1,2]",
        struct.pack(">I", 9) + b'{"type":1', b"GET / HTTP/1.1\r\n\r\n", struct.pack(">I", 3) + b"\xff\xfe\xfd",
        struct.pack(">I", 60_000) + b"[" * 60_000, struct.pack(">I", 60_005) + b'{"x":' + b"[" * 60_000,
        struct.pack(">I", 17) + b'{"type":"digest"}',
    ],
)  # fmt: skip
@pytest.mark.proves("I43")
def test_who_asks_in_another_way_is_cut_off_and_signed_nothing(folder: Path, sent: bytes) -> None:
    with signer(folder) as path:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(path))
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                assert connection.recv(100) == b""
        with closing(RemoteKey(path)) as remote:
            assert remote.address == KEY.address, "it goes on for others"
    assert not list(folder.glob("signed-*"))


def test_of_what_is_refused_only_so_much_is_logged(folder: Path) -> None:
    now_s = CLOCK.now_ns() // 1_000_000_000
    with signer(folder) as path, closing(RemoteKey(path)) as remote:
        for address in ("0x" + "a" * 60_000, "0x1"):
            with pytest.raises(SigningRefused, match="the account is"):
                remote.sign(bytes(32), SignIn(137, address, now_s, 0))
    long, short = lines(folder)
    assert (long["signed"], long["what"], long["reason"]) == (False, "sign_in", f"the account is {KEY.address}")
    assert (len(str(long["asked"])), int(str(long["asked_length"])) > 60_000) == (2_048, True)
    assert (short["what"], short["address"]) == ("sign_in", "0x1")


@pytest.mark.parametrize("answer", [b"", b"{", b'{"x":' + b"[" * 60_000])
def test_who_answers_nonsense_is_no_signer(folder: Path, answer: bytes) -> None:
    path = folder / "s.sock"

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            read_frame(connection)
            write_frame(connection, answer)

    with listening(path) as listener:
        thread = Thread(target=serve)
        thread.start()
        with pytest.raises(SignerAbsent, match="does not answer: the connection was cut"):
            RemoteKey(path)
        thread.join(10)


def test_what_cannot_be_logged_is_not_signed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> None:
        raise OSError(28, "no room")

    with signer(folder) as path:
        monkeypatch.setattr(SignerLog, "write", no_room)
        with closing(RemoteKey(path)) as remote, pytest.raises(SigningRefused, match="cannot be written"):
            sign(remote)


def test_the_socket_is_put_only_into_a_folder_of_ours_and_over_nobody(tmp_path: Path, folder: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(PermissionError, match="mode 0700"):
        listening(tmp_path / "s.sock")
    (folder / "link").symlink_to(folder)
    with pytest.raises(PermissionError):
        listening(folder / "link" / "s.sock")
    (folder / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match="no socket"):
        listening(folder / "file")
    with signer(folder) as path, pytest.raises(FileExistsError, match="another process"):
        listening(path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.proves("I43")
def test_another_user_is_turned_away(folder: Path) -> None:
    ask = (
        "import os, socket, sys\n"
        "one = socket.socket(socket.AF_UNIX); one.settimeout(60)\n"
        "os.setuid(65534)\n"
        "try: one.connect(sys.argv[1]); one.sendall(bytes.fromhex(sys.argv[2])); print(one.recv(100))\n"
        "except OSError as error: print(type(error).__name__)\n"
    )
    body = msgspec.json.encode(WhoSigns())
    frame = (struct.pack(">I", len(body)) + body).hex()
    with signer(folder) as path:
        for mode in (0o600, 0o666):
            path.chmod(mode)
            for place in (folder, *folder.parents):
                if Path(tempfile.gettempdir()) in place.parents:
                    place.chmod(0o755)
            command = [sys.executable, "-c", ask, str(path), frame]
            said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=90).stdout.strip()
            cut_off = ("b''", "BrokenPipeError", "ConnectionResetError")
            assert said in (("PermissionError",) if mode == 0o600 else cut_off), f"{said}: the second time for its user"


def test_a_key_that_is_elsewhere_is_given_to_no_library(folder: Path) -> None:
    told = pytest.raises(SigningRefused, match="the key itself")
    with signer(folder) as path, closing(RemoteKey(path)) as remote, told:
        signer_for(1, Account(remote, 137, SignatureType.PROXY, WALLET))
