"""A database that is older than its journal was, or another one, is found out from a second place."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actors.store import chain
from actors.store.chain import GENESIS, Broken, Head, Older, check, verify
from actors.store.database import open_reader, sqlite_file, sqlite_url
from actors.store.heads import FILE, Heads
from actors.store.queries import Reader
from actors.store.trouble import StoreError
from actors.store.writer import Writer
from tests.actors.store.test_lease import write

WALLET = "0xwallet"


def written(url: str, heads: Heads, make: Any, first: int, last: int) -> None:
    writer = Writer(url, 0, WALLET, heads)
    for number in range(first, last + 1):
        write(writer, make.submit(number))
    writer.close()


@pytest.fixture
def heads(tmp_path: Path) -> Heads:
    return Heads(tmp_path)


def test_where_the_journal_ended_is_kept_when_it_is_closed(url: str, heads: Heads, make: Any) -> None:
    assert heads.read(url) is None
    written(url, heads, make, 1, 3)
    kept = heads.read(url)
    assert kept is not None
    assert kept.seq == 3
    written(url, heads, make, 4, 4)
    reader = open_reader(url)
    assert heads.read(url) == verify(reader)
    reader.close()


def test_a_head_is_kept_on_the_way_and_only_when_there_is_news(url: str, heads: Heads, make: Any) -> None:
    writer = Writer(url, 0, WALLET, heads)
    assert not writer.keeps_head
    writer.keep_head()
    assert (writer.keeps_head, heads.read(url)) == (True, GENESIS)
    write(writer, make.submit(1))
    assert not writer.keeps_head
    writer.keep_head()
    assert heads.read(url) == writer._head
    writer.close()


def cut_off(url: str) -> None:
    change(url, "DELETE FROM journal WHERE seq > 3")


def replaced(url: str) -> None:
    """Cut it, and write as many entries again, well chained."""
    cut_off(url)
    head = GENESIS
    file = sqlite_file(url)
    assert file is not None
    with closing(sqlite3.connect(file)) as database:
        [digest] = database.execute("SELECT digest FROM journal WHERE seq = 3").fetchone()
        head = Head(3, digest)
    writer = Writer(url, 0, WALLET)
    assert writer._head == head
    from tests.actors.store.conftest import Make

    for number in range(14, 20):
        write(writer, Make().submit(number))
    writer.close()


def removed(url: str) -> None:
    file = sqlite_file(url)
    assert file is not None
    for end in ("", "-wal", "-shm", "-lease"):
        file.with_name(file.name + end).unlink(missing_ok=True)


def change(url: str, statement: str) -> None:
    file = sqlite_file(url)
    assert file is not None
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(statement)


@pytest.mark.proves("I29")
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut_off, "it ends at entry 3, and there were 6"),
        (removed, "it ends at entry 0, and there were 6"),
        (replaced, "entry 6 is not the one that was kept in mind"),
    ],
)
def test_a_journal_that_was_cut_restored_or_replaced_is_not_traded_on(
    spoil: Callable[[str], None], said: str, tmp_path: Path, heads: Heads, make: Any
) -> None:
    url = sqlite_url(tmp_path / "arb.db")
    written(url, heads, make, 1, 6)
    spoil(url)
    with pytest.raises(Older, match=said) as refused:
        Writer(url, 0, WALLET, heads)
    assert "keel db recover" in refused.value.fix
    kept = heads.read(url)
    assert kept is not None
    assert kept.seq == 6, "a start that was refused forgets nothing"


def test_yesterdays_database_is_not_traded_on(tmp_path: Path, heads: Heads, make: Any) -> None:
    file = tmp_path / "arb.db"
    url = sqlite_url(file)
    written(url, heads, make, 1, 4)
    shutil.copy(file, tmp_path / "yesterday")
    written(url, heads, make, 5, 8)
    shutil.copy(tmp_path / "yesterday", file)
    with pytest.raises(Older, match="it ends at entry 4, and there were 8"):
        Writer(url, 0, WALLET, heads)


def test_paper_goes_on_with_an_older_database_and_says_so(tmp_path: Path, heads: Heads, make: Any) -> None:
    url = sqlite_url(tmp_path / "arb.db")
    writer = Writer(url, 0, "", heads)
    assert writer.warning == ""
    for number in range(6):
        write(writer, make.submit(number))
    writer.close()
    cut_off(url)
    writer = Writer(url, 0, "", heads)
    assert "it ends at entry 3, and there were 6" in writer.warning
    writer.close()
    assert (kept := heads.read(url)) is not None
    assert kept.seq == 3


def test_what_came_after_the_head_was_kept_is_no_surprise(tmp_path: Path, heads: Heads, make: Any) -> None:
    url = sqlite_url(tmp_path / "arb.db")
    written(url, heads, make, 1, 4)
    kept = (tmp_path / FILE).read_bytes()
    written(url, heads, make, 5, 8)
    (tmp_path / FILE).write_bytes(kept)
    Writer(url, 0, WALLET, heads).close()


@pytest.mark.parametrize("content", [b"", b"{", b'{"arb.db": 3}'])
def test_a_file_of_heads_that_cannot_be_read_refuses_the_start(content: bytes, tmp_path: Path, heads: Heads) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(StoreError, match=f"{FILE} cannot be read") as refused:
        Writer(sqlite_url(tmp_path / "arb.db"), 0, WALLET, heads)
    assert "keel db verify" in refused.value.fix


def test_a_file_that_spoils_while_the_engine_runs_keeps_nobody_from_ending(tmp_path: Path, make: Any) -> None:
    writer = Writer(sqlite_url(tmp_path / "arb.db"), 0, WALLET, Heads(tmp_path))
    (tmp_path / FILE).write_bytes(b"{")
    write(writer, make.submit(1))
    writer.close()
    assert not writer.is_open


def test_databases_of_one_folder_have_each_their_head_and_a_folder_may_be_moved(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    heads = Heads(folder)
    inside, outside, server = sqlite_url(folder / "arb.db"), sqlite_url(tmp_path / "b.db"), "postgresql://u:pw@h/n"
    for number, url in enumerate((inside, outside, server)):
        heads.keep(url, Head(number, "d"))
    assert [heads.read(url) for url in (inside, outside, server)] == [Head(n, "d") for n in range(3)]
    assert "pw" not in (folder / FILE).read_text()
    folder.rename(tmp_path / "moved")
    moved = Heads(tmp_path / "moved")
    assert moved.read(sqlite_url(tmp_path / "moved" / "arb.db")) == Head(0, "d")
    moved.forget(outside)
    moved.forget(outside)
    assert moved.read(outside) is None
    assert [one.name for one in (tmp_path / "moved").iterdir()] == [FILE]


def test_a_start_walks_through_the_newest_entries_and_the_command_through_all(
    url: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(url, 0)
    for number in range(1, 10):
        write(writer, make.submit(number))
    head = writer._head
    writer.database.execute_sql("UPDATE journal SET subject = 'x' WHERE seq = 2")
    assert check(writer.database, head, newest=5) == head
    with pytest.raises(Broken, match="entry 2"):
        check(writer.database, head)
    heard: list[int] = []
    monkeypatch.setattr(chain, "_PAGE", 4)
    writer.database.execute_sql("UPDATE journal SET subject = 'x' WHERE seq = 7")
    with pytest.raises(Broken, match="entry 7"):
        check(writer.database, head, newest=5)
    writer.database.execute_sql("DELETE FROM journal WHERE seq = 4")
    with pytest.raises(Broken, match="entry 4 is missing"):
        check(writer.database, head, newest=5)
    with pytest.raises(Broken, match="entry 2") as found:
        verify(writer.database, told=heard.append)
    assert (found.value.seq, heard) == (2, [])
    writer.close()


@pytest.mark.proves("I29")
@pytest.mark.parametrize(
    ("vandalism", "seq"),
    [
        ("UPDATE journal SET body = replace(body, '4800', '4801') WHERE seq = {n}", 0),
        ("UPDATE journal SET kind = 'OrderChanged' WHERE seq = {n}", 0),
        ("UPDATE journal SET digest = 'x' WHERE seq = {n}", 0),
        ("DELETE FROM journal WHERE seq = {n}", 0),
        ("INSERT INTO journal SELECT -1, at_ns, kind, subject, body, digest FROM journal WHERE seq = {n}", -1),
        ("INSERT INTO journal SELECT 13, at_ns, kind, subject, body, digest FROM journal WHERE seq = {n}", 13),
    ],
)
@pytest.mark.parametrize("at", [1, 6, 12])
def test_any_edit_removal_or_insertion_is_found_and_named(
    vandalism: str, seq: int, at: int, tmp_path: Path, heads: Heads, make: Any
) -> None:
    url = sqlite_url(tmp_path / "arb.db")
    written(url, heads, make, 1, 12)
    change(url, vandalism.format(n=at))
    with Reader(url) as reader, pytest.raises(StoreError) as found:
        reader.verify(heads.read(url))
    if isinstance(found.value, Broken):
        assert found.value.seq == (seq or at)
    else:
        assert (at, "it ends at entry 11, and there were 12" in str(found.value)) == (12, True)
