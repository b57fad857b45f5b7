"""One transaction of the ledger: what waits goes in, verdicts come out, all of it or nothing.

``BEGIN IMMEDIATE`` takes the one writer's place before anything is read, so what the books decide
on is what is true for every process. Knows no thread and no event loop.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tollkeeper_proxy.ledger import tables
from tollkeeper_proxy.ledger.books import Books
from tollkeeper_proxy.ledger.entries import Ask, Denied, Granted, Settlement

LOCK_PATIENCE_S = 1.0  # far longer than any transaction of ours; then the caller hears 503
LOCK_PAUSE_S = 0.0005  # SQLite's own busy handler sleeps up to 100 ms, which callers would feel
MEMORY_OF_EXPIRED_S = 86_400.0  # a settlement more than a day after its lease is not charged


def book(
    connection: sqlite3.Connection, entries: Sequence[Ask | Settlement], now_s: float
) -> list[Granted | Denied]:
    """Book the entries in their order and return one verdict per ask.

    Raises sqlite3.Error when the store cannot be written; then nothing was booked, unless the
    commit itself failed, which repeating the same entries heals.
    """
    with _writing(connection):
        accounts = {entry.account for entry in entries if isinstance(entry, Ask)}
        books = tables.load(connection, [entry.reservation_id for entry in entries], accounts)
        verdicts = list(_apply(books, entries, now_s))
        tables.save(connection, books, now_s)
    return verdicts


def reap(connection: sqlite3.Connection, now_s: float) -> int:
    """Give back the holds whose lease ran out; return how many there were."""
    if not tables.overdue(connection, now_s):  # a look without the writer's place
        return 0
    with _writing(connection):
        overdue = tables.overdue(connection, now_s)
        books = tables.load(connection, overdue, ())
        for reservation_id in overdue:
            books.expire(reservation_id, now_s)
        tables.save(connection, books, now_s)
        tables.forget(connection, now_s - MEMORY_OF_EXPIRED_S)
    return len(overdue)


def _apply(
    books: Books, entries: Sequence[Ask | Settlement], now_s: float
) -> Iterator[Granted | Denied]:
    for entry in entries:
        if isinstance(entry, Ask):
            yield books.reserve(entry, now_s)
        else:
            books.settle(entry)


@contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    _begin(connection)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _begin(connection: sqlite3.Connection) -> None:
    deadline_s = time.monotonic() + LOCK_PATIENCE_S
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # also during recovery
            if not busy or time.monotonic() >= deadline_s:
                raise
            time.sleep(LOCK_PAUSE_S)
        else:
            return
