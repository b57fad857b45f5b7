"""One transaction on a real file: order, all or nothing, and the reaper."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tollkeeper_proxy.ledger import tables, transaction
from tollkeeper_proxy.ledger.entries import (
    Account,
    Ask,
    Denied,
    Granted,
    LedgerLine,
    Settlement,
)

ACCOUNT = Account("key:k1", "total")
LINE = LedgerLine("r1", "k1", "t1", "demo", "echo", "complete")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = tables.connect(tmp_path / "state.db")
    yield opened
    opened.close()


def ask(name: str, amount: int = 100, *, limit: int = 1000, minimum: int = 1) -> Ask:
    return Ask(name, ACCOUNT, LINE, limit, amount, minimum, 60.0)


def balance(connection: sqlite3.Connection) -> tuple[int, int]:
    row: tuple[int, int] = connection.execute(
        "SELECT spent_nanousd, held_nanousd FROM budget_accounts"
    ).fetchone()
    return row


def test_entries_are_booked_in_their_order(connection: sqlite3.Connection) -> None:
    entries = [ask("a", 1000), ask("b", 10), Settlement("a", 5), ask("c", 10)]
    verdicts = transaction.book(connection, entries, 0.0)
    assert verdicts == [Granted(1000, 0), Denied(0, 1000), Granted(10, 985)]
    assert balance(connection) == (5, 10)


def test_a_transaction_that_fails_leaves_nothing_behind(connection: sqlite3.Connection) -> None:
    transaction.book(connection, [ask("a")], 0.0)
    unwritable = LedgerLine("\ud800", "k1", "t1", "demo", "x", "complete")
    with pytest.raises(UnicodeEncodeError):
        transaction.book(connection, [ask("b"), Settlement("a", 5, unwritable)], 0.0)
    assert balance(connection) == (0, 100)
    assert not connection.in_transaction


def test_gives_up_on_a_locked_file_in_its_time(
    connection: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "LOCK_PATIENCE_S", 0.02)
    blocker = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        transaction.book(connection, [ask("a")], 0.0)
    blocker.execute("ROLLBACK")
    blocker.close()
    assert transaction.book(connection, [ask("a")], 0.0) == [Granted(100, 900)]


def test_a_late_settlement_makes_the_lost_line_whole(connection: sqlite3.Connection) -> None:
    transaction.book(connection, [ask("r1", 100)], 0.0)
    assert transaction.reap(connection, 61.0) == 1
    assert balance(connection) == (0, 0)
    transaction.book(connection, [Settlement("r1", 40, LINE)], 62.0)
    query = "SELECT outcome, remark, reserved_nanousd, charged_nanousd FROM ledger_lines"
    assert connection.execute(query).fetchall() == [("complete", "late", 100, 40)]
    assert balance(connection) == (40, 0)


def test_a_settlement_that_comes_days_late_is_noted_but_not_charged(
    connection: sqlite3.Connection,
) -> None:
    transaction.book(connection, [ask("r1", 100), ask("r2", 100)], 0.0)
    transaction.reap(connection, 61.0)
    transaction.book(connection, [ask("r3")], 100_000.0)
    transaction.reap(connection, 200_000.0)
    transaction.book(connection, [Settlement("r1", 40, LINE)], 200_000.0)
    query = "SELECT remark, charged_nanousd FROM ledger_lines WHERE id = 'r1'"
    assert connection.execute(query).fetchall() == [("unheld", 0)]
    assert balance(connection) == (0, 0)


def test_the_reaper_leaves_leases_that_still_run(connection: sqlite3.Connection) -> None:
    transaction.book(connection, [ask("r1", 100)], 0.0)
    assert transaction.reap(connection, 59.0) == 0
    assert balance(connection) == (0, 100)
