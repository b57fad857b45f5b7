import os
import sqlite3
import threading
from pathlib import Path

import pytest

from tollkeeper_proxy.ledger import flush, tables
from tollkeeper_proxy.ledger.flush import Flusher

PATIENCE_S = 20.0


class Disk:
    """Notes every fdatasync, which goes through all the same unless it is held back."""

    def __init__(self) -> None:
        self.flushed = threading.Semaphore(0)
        self.open = threading.Event()
        self.open.set()

    def fdatasync(self, descriptor: int) -> None:
        self.open.wait(PATIENCE_S)
        os.fsync(descriptor)
        self.flushed.release()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(flush.os, "fdatasync", disk.fdatasync)
    return disk


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    return tables.connect(tmp_path / "state.db")


def test_flushes_what_was_marked_and_nothing_else(
    tmp_path: Path, disk: Disk, connection: sqlite3.Connection
) -> None:
    flusher = Flusher(tmp_path / "state.db", interval_s=0.001)
    assert not disk.flushed.acquire(timeout=0.05)
    flusher.mark_unflushed()
    assert disk.flushed.acquire(timeout=PATIENCE_S)
    flusher.close()
    connection.close()


def test_what_is_marked_is_flushed_before_the_end(
    tmp_path: Path, disk: Disk, connection: sqlite3.Connection
) -> None:
    flusher = Flusher(tmp_path / "state.db", interval_s=3600.0)
    flusher.mark_unflushed()
    flusher.close()
    assert disk.flushed.acquire(blocking=False)
    connection.close()


def test_a_disk_that_hangs_holds_up_nobody_who_writes(
    tmp_path: Path, disk: Disk, connection: sqlite3.Connection
) -> None:
    flusher = Flusher(tmp_path / "state.db", interval_s=0.0)
    disk.open.clear()
    flusher.mark_unflushed()
    connection.execute("INSERT INTO budget_accounts VALUES ('a', 'w', 0, 0)")
    flusher.mark_unflushed()
    disk.open.set()
    assert disk.flushed.acquire(timeout=PATIENCE_S)
    flusher.close()
    connection.close()


@pytest.mark.parametrize("limit", ["CHECKPOINT_BYTES", "TRUNCATE_BYTES"])
def test_a_long_log_is_moved_into_the_database(
    tmp_path: Path,
    disk: Disk,
    connection: sqlite3.Connection,
    limit: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flush, "CHECKPOINT_BYTES", 0)
    monkeypatch.setattr(flush, limit, 0)
    connection.execute("INSERT INTO budget_accounts VALUES ('a', 'w', 0, 0)")
    flusher = Flusher(tmp_path / "state.db", interval_s=0.0)
    flusher.mark_unflushed()
    flusher.close()
    database = (tmp_path / "state.db").read_bytes()
    connection.close()
    alone = tmp_path / "alone.db"
    alone.write_bytes(database)
    copy = sqlite3.connect(alone)
    copy.execute("PRAGMA journal_mode = DELETE")
    assert copy.execute("SELECT count(*) FROM budget_accounts").fetchone() == (1,)
    copy.close()


def test_a_descriptor_of_its_own_takes_no_lock_from_the_database(
    tmp_path: Path, connection: sqlite3.Connection
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    Flusher(tmp_path / "state.db").close()
    other = tables.connect(tmp_path / "other.db")
    other.execute("ATTACH ? AS state", (str(tmp_path / "state.db"),))
    with pytest.raises(Exception, match="locked"):
        other.execute("DELETE FROM state.budget_accounts")
    other.close()
    connection.close()
