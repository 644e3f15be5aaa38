"""What systemd hears of us, over a socket of its kind."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bin.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        yield listener


def heard(manager: socket.socket) -> str:
    return manager.recv(4096).decode()


def test_every_word_is_a_datagram_of_its_own(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    for say in (notifier.ready, notifier.alive, notifier.stopping):
        say()
    assert [heard(manager) for _ in range(3)] == ["READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_a_reload_says_when_it_began(manager: socket.socket) -> None:
    before_us = time.monotonic_ns() // 1_000
    Notifier({"NOTIFY_SOCKET": manager.getsockname()}).reloading()
    first, second = heard(manager).split("\n")
    assert first == "RELOADING=1"
    name, us = second.split("=")
    assert name == "MONOTONIC_USEC"
    assert before_us <= int(us) <= time.monotonic_ns() // 1_000


def test_a_status_is_one_clean_line_and_said_once(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    notifier.status("live: 2 orders\nREADY=1\x1b[0m")
    notifier.status("live: 2 orders\nREADY=1\x1b[0m")
    notifier.status("live: 3 orders")
    first = heard(manager)
    assert first.startswith("STATUS=live: 2 orders")
    assert "\n" not in first
    assert "\x1b" not in first
    assert heard(manager) == "STATUS=live: 3 orders"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has sockets with abstract names")
def test_a_name_without_a_file_is_reached() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0keel-test-{os.getpid()}")
        listener.settimeout(5)
        Notifier({"NOTIFY_SOCKET": f"@keel-test-{os.getpid()}"}).ready()
        assert heard(listener) == "READY=1"


def test_where_nobody_listens_nothing_fails(tmp_path: Path, manager: socket.socket) -> None:
    for environment in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": str(tmp_path / "nobody")}):
        notifier = Notifier(environment)
        notifier.ready()
        notifier.alive()
    full = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    began = time.monotonic()
    for _ in range(5_000):
        full.alive()
    assert time.monotonic() - began < 5, "a manager that does not read holds nobody up"
