import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tollkeeper.pricing import Usage
from tollkeeper_proxy.ledger import tables
from tollkeeper_proxy.ledger.entries import (
    LARGEST_NANOUSD,
    Account,
    Ask,
    Balance,
    LedgerLine,
    Settlement,
)

ACCOUNT = Account("key:\"quoted\" 'é' 🔑", "2026-08")
LINE = LedgerLine("r'1", "k1", "t1", "demo", 'model "x"', "complete", Usage(1, 2, 3, 4, 5), 6)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = tables.connect(tmp_path / "state.db")
    yield opened
    opened.close()


def test_what_is_saved_is_loaded(connection: sqlite3.Connection) -> None:
    books = tables.load(connection, [], [ACCOUNT])
    books.reserve(Ask("r1", ACCOUNT, LINE, 2**62, LARGEST_NANOUSD, 0, 60.0), 5.0)
    tables.save(connection, books, 5.0)
    again = tables.load(connection, ["r1", "r2"], [])
    assert again.balance(ACCOUNT) == Balance(0, LARGEST_NANOUSD)
    hold = again.hold("r1")
    assert hold is not None
    assert (hold.account, hold.amount_nanousd, hold.expires_at_s) == (
        ACCOUNT,
        LARGEST_NANOUSD,
        65.0,
    )
    assert (hold.line.request_id, hold.line.model) == ("r'1", 'model "x"')
    assert hold.line.outcome == "lost"
    assert again.hold("r2") is None


def test_whole_sums_stay_whole_beyond_what_floats_can_count(
    connection: sqlite3.Connection,
) -> None:
    books = tables.load(connection, [], [ACCOUNT])
    books.reserve(Ask("r1", ACCOUNT, LINE, 2**62, LARGEST_NANOUSD, 0, 60.0), 0.0)
    books.settle(Settlement("r1", LARGEST_NANOUSD - 1, LINE))
    tables.save(connection, books, 0.0)
    row = connection.execute("SELECT spent_nanousd, typeof(spent_nanousd) FROM budget_accounts")
    assert row.fetchone() == (LARGEST_NANOUSD - 1, "integer")


def test_a_line_is_written_once_under_its_id(connection: sqlite3.Connection) -> None:
    for model in ("first", "second"):
        books = tables.load(connection, [], [])
        line = LedgerLine("r1", "k1", "t1", "demo", model, "complete", Usage(1, 2, 3, 4, 5), 6)
        books.settle(Settlement("one-id", 0, line))
        tables.save(connection, books, 9.0)
    (row,) = connection.execute("SELECT * FROM ledger_lines").fetchall()
    assert row == (
        *("one-id", "r1", "k1", "t1", "demo", "first", 1, 2, 3, 4, 5, "provider"),
        *(0, 0, 6, "complete", "", 9.0),
    )


def test_overdue_holds_come_oldest_first(connection: sqlite3.Connection) -> None:
    books = tables.load(connection, [], [ACCOUNT])
    for name, lease_s in (("late", 30.0), ("early", 10.0), ("open", 99.0)):
        books.reserve(Ask(name, ACCOUNT, LINE, 1000, 10, 0, lease_s), 0.0)
    tables.save(connection, books, 0.0)
    assert tables.overdue(connection, 50.0) == ["early", "late"]


def test_many_may_open_the_same_new_file_at_once(tmp_path: Path) -> None:
    connections = [tables.connect(tmp_path / "new.db") for _ in range(5)]
    for connection in connections:
        connection.close()
