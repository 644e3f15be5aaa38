"""The socket of a data folder is found, is private, and replaces only what nobody listens on."""

import os
import stat
from pathlib import Path

import pytest

from surfaces.cli.errors import CommandError
from surfaces.client import EngineClient
from surfaces.socket_file import SocketTaken, bind, find_socket, is_answered, socket_path, stranger


def test_the_socket_stands_in_the_data_folder(data_dir: Path) -> None:
    assert socket_path(data_dir) == data_dir / "run" / "keel.sock"
    assert find_socket(data_dir) == data_dir / "run" / "keel.sock"


@pytest.mark.proves("I40")
def test_folder_and_socket_are_for_their_owner_alone(data_dir: Path) -> None:
    before = os.umask(0o022)
    os.umask(before)
    listener, path = bind(data_dir)
    with listener:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert is_answered(path)
    assert os.umask(before) == before


def test_a_relative_folder_is_the_same_socket(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data_dir.parent)
    assert socket_path(Path(data_dir.name)) == socket_path(data_dir)


def test_a_file_that_nobody_listens_on_is_replaced(data_dir: Path) -> None:
    listener, path = bind(data_dir)
    listener.close()
    assert path.exists()
    assert not is_answered(path)
    again, path = bind(data_dir)
    with again:
        assert is_answered(path)


@pytest.mark.proves("I40")
def test_a_socket_that_somebody_answers_is_not_taken(data_dir: Path) -> None:
    listener, path = bind(data_dir)
    with listener:
        with pytest.raises(SocketTaken, match="an engine listens on"):
            bind(data_dir)
        assert is_answered(path)


@pytest.mark.proves("I40")
@pytest.mark.parametrize("runtime", [True, False])
def test_a_long_path_moves_and_the_folder_says_where(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, runtime: bool
) -> None:
    if runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(data_dir))
    else:
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    deep = data_dir / ("x" * 60) / ("y" * 60)
    listener, path = bind(deep)
    with listener:
        assert path.parent.name == f"keel-{os.getuid()}"
        assert path.parent.parent == (data_dir if runtime else Path("/tmp"))
        assert len(os.fsencode(path)) <= 100
        assert len(path.stem) == 16
        assert (deep / "run" / "socket").read_text() == f"{path}\n"
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        assert find_socket(deep) == path
        assert is_answered(path)
    path.unlink()


@pytest.mark.proves("I40")
def test_a_path_of_107_bytes_which_the_system_would_refuse_moves_too(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(data_dir))
    there = len(os.fsencode(data_dir / "run" / "keel.sock"))
    folder = data_dir / ("z" * (107 - there - 1))
    assert len(os.fsencode(folder / "run" / "keel.sock")) == 107
    assert len(os.fsencode(folder.with_name(folder.name[:-7]) / "run" / "keel.sock")) == 100
    assert socket_path(folder.with_name(folder.name[:-7])).parent.name == "run"
    listener, path = bind(folder)
    with listener:
        assert find_socket(folder) == path == socket_path(folder)
        assert path.parent == data_dir / f"keel-{os.getuid()}"
        assert is_answered(path)


def test_two_long_folders_have_two_sockets(data_dir: Path) -> None:
    assert socket_path(data_dir / ("a" * 120)) != socket_path(data_dir / ("b" * 120))


@pytest.mark.proves("I40")
def test_a_link_in_place_of_the_folder_is_refused(data_dir: Path) -> None:
    (data_dir / "elsewhere").mkdir()
    (data_dir / "run").symlink_to(data_dir / "elsewhere")
    with pytest.raises(PermissionError, match="not a folder of ours"):
        bind(data_dir)


@pytest.mark.proves("I40")
def test_a_link_in_place_of_the_socket_is_refused_wherever_it_leads(data_dir: Path) -> None:
    (data_dir / "run").mkdir(mode=0o700)
    (data_dir / "run" / "keel.sock").symlink_to(data_dir / "elsewhere.sock")
    with pytest.raises(PermissionError, match=r"keel\.sock is a link"):
        bind(data_dir)
    assert stranger(data_dir / "run" / "keel.sock").endswith("keel.sock is a link")
    assert not (data_dir / "elsewhere.sock").exists()


@pytest.mark.proves("I40")
@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a socket away")
def test_a_socket_of_another_user_is_not_spoken_to(data_dir: Path) -> None:
    listener, path = bind(data_dir)
    with listener:
        assert stranger(path) == ""
        os.chown(path, 65_534, 65_534)
        assert stranger(path) == f"{path} is of another user (uid 65534)"
        with EngineClient(path) as client, pytest.raises(CommandError, match="not spoken to") as refused:
            client.get("/v1/status")
        assert refused.value.exit_code == 6
    assert stranger(data_dir / "nowhere" / "keel.sock") == ""


def test_a_stale_pointer_goes_when_the_socket_is_back_in_its_place(data_dir: Path) -> None:
    (data_dir / "run").mkdir()
    (data_dir / "run" / "socket").write_text("/tmp/gone.sock\n")
    listener, path = bind(data_dir)
    with listener:
        assert find_socket(data_dir) == path


@pytest.mark.parametrize("written", [b"\xff\xfe/run/keel.sock", b" \n"])
def test_a_pointer_that_names_nothing_is_as_good_as_none(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "socket").write_bytes(written)
    assert find_socket(tmp_path) == socket_path(tmp_path)
