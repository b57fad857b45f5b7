import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tollkeeper_proxy.cache import tables
from tollkeeper_proxy.cache.entries import Entry
from tollkeeper_proxy.cache.tables import ROW_BYTES
from tollkeeper_proxy.wire import Answer

ROOM = 10 * (ROW_BYTES + 1000)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = tables.connect(tmp_path / "answers.db")
    yield opened
    opened.close()


def entry(key: str, size_bytes: int = 1000, *, tenant_id: str = "t1", ttl_s: float = 60) -> Entry:
    return Entry(key, tenant_id, Answer(200, "application/json", b"x" * size_bytes), ttl_s)


def keys(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT key FROM cached_answers ORDER BY stored_at_s").fetchall()
    return [row[0] for row in rows]


def test_gives_back_what_was_kept_to_the_byte(connection: sqlite3.Connection) -> None:
    answer = Answer(201, "text/event-stream", b"\x00data: \xff", (("a", "b"),), stream=True)
    tables.keep(connection, Entry("k", "t", answer, 60), 0.0, max_bytes=ROOM)
    assert tables.find(connection, "k", 1.0) == answer
    assert tables.find(connection, "other", 1.0) is None


def test_an_answer_too_old_is_not_found(connection: sqlite3.Connection) -> None:
    tables.keep(connection, entry("k"), 100.0, max_bytes=ROOM)
    assert tables.find(connection, "k", 159.9) is not None
    assert tables.find(connection, "k", 160.0) is None


def test_a_newer_answer_takes_the_place_of_the_old(connection: sqlite3.Connection) -> None:
    tables.keep(connection, entry("k", 10), 0.0, max_bytes=ROOM)
    tables.keep(connection, entry("k", 20), 50.0, max_bytes=ROOM)
    found = tables.find(connection, "k", 100.0)
    assert found is not None
    assert len(found.body) == 20
    assert tables.total_bytes(connection) == ROW_BYTES + 20


def test_the_oldest_go_when_room_is_short(connection: sqlite3.Connection) -> None:
    for number in range(200):
        tables.keep(connection, entry(f"k{number}"), float(number) / 10, max_bytes=ROOM)
        assert tables.total_bytes(connection) <= ROOM
    assert "k199" in keys(connection)
    assert "k0" not in keys(connection)


def test_the_expired_go_before_the_oldest(connection: sqlite3.Connection) -> None:
    tables.keep(connection, entry("old", ttl_s=1000), 0.0, max_bytes=ROOM)
    tables.keep(connection, entry("brief", ttl_s=1), 1.0, max_bytes=ROOM)
    tables.keep(connection, entry("new"), 5.0, max_bytes=ROOM)
    assert keys(connection) == ["old", "new"]


def test_what_is_larger_than_all_room_is_not_kept(connection: sqlite3.Connection) -> None:
    tables.keep(connection, entry("small"), 0.0, max_bytes=ROOM)
    tables.keep(connection, entry("huge", ROOM), 1.0, max_bytes=ROOM)
    assert keys(connection) == ["small"]


def test_one_tenants_answers_can_be_erased_for_good(tmp_path: Path) -> None:
    connection = tables.connect(tmp_path / "answers.db")
    mine = Entry("a", "mine", Answer(200, "text/plain", b"unmistakable-marker"), 60)
    tables.keep(connection, mine, 0.0, max_bytes=ROOM)
    tables.keep(connection, entry("b", tenant_id="theirs"), 0.0, max_bytes=ROOM)
    assert tables.erase(connection, "mine") == 1
    assert keys(connection) == ["b"]
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    assert b"unmistakable-marker" not in (tmp_path / "answers.db").read_bytes()


def test_all_answers_can_be_erased(connection: sqlite3.Connection) -> None:
    tables.keep(connection, entry("a"), 0.0, max_bytes=ROOM)
    assert tables.erase(connection, None) == 1
    assert tables.total_bytes(connection) == 0
