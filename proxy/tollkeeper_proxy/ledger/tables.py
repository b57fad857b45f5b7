"""The ledger's tables in SQLite: loads a ``Books``, writes back what it changed.

A statement carries its whole group, so a transaction takes a few steps (and releases of the
interpreter lock) however many requests wait. Knows no thread.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from tollkeeper.pricing import Usage
from tollkeeper_proxy.ledger.books import Books
from tollkeeper_proxy.ledger.entries import Account, Balance, Hold, LedgerLine, Posting

ROWS_AT_ONCE = 64  # so that few distinct statements are needed, and SQLite keeps them prepared

SCHEMA = """
CREATE TABLE IF NOT EXISTS budget_accounts (
    account TEXT NOT NULL, window TEXT NOT NULL,
    spent_nanousd INTEGER NOT NULL, held_nanousd INTEGER NOT NULL CHECK (held_nanousd >= 0),
    PRIMARY KEY (account, window)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS budget_holds (
    reservation_id TEXT PRIMARY KEY, account TEXT NOT NULL, window TEXT NOT NULL,
    request_id TEXT NOT NULL, key_id TEXT NOT NULL, tenant_id TEXT NOT NULL,
    provider TEXT NOT NULL, model TEXT NOT NULL,
    amount_nanousd INTEGER NOT NULL, expires_at_s REAL NOT NULL, expired INTEGER NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger_lines (
    id TEXT PRIMARY KEY, request_id TEXT NOT NULL,
    key_id TEXT NOT NULL, tenant_id TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL,
    input_tokens INTEGER, output_tokens INTEGER, cache_read_tokens INTEGER,
    cache_write_tokens INTEGER, reasoning_tokens INTEGER, usage_source TEXT,
    reserved_nanousd INTEGER NOT NULL, charged_nanousd INTEGER NOT NULL, cost_nanousd INTEGER,
    outcome TEXT NOT NULL, remark TEXT NOT NULL, at_s REAL NOT NULL) WITHOUT ROWID;
"""


_LOAD_HOLDS = """
SELECT json_group_array(json_array(
    reservation_id, account, window, request_id, key_id, tenant_id, provider, model,
    amount_nanousd, expires_at_s, expired))
FROM budget_holds WHERE reservation_id IN (SELECT value FROM json_each(?))
"""
_LOAD_BALANCES = """
SELECT json_group_array(json_array(account, window, spent_nanousd, held_nanousd))
FROM budget_accounts WHERE (account, window) IN
    (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))
"""
_SAVE_BALANCES = (
    "INSERT INTO budget_accounts VALUES",
    """ON CONFLICT (account, window) DO UPDATE SET spent_nanousd = excluded.spent_nanousd,
                                 held_nanousd = excluded.held_nanousd""",
)
_SAVE_HOLDS = (
    "INSERT INTO budget_holds VALUES",
    """ON CONFLICT (reservation_id) DO UPDATE SET amount_nanousd = excluded.amount_nanousd,
       expires_at_s = excluded.expires_at_s, expired = excluded.expired""",
)
_DROP_HOLDS = "DELETE FROM budget_holds WHERE reservation_id IN (SELECT value FROM json_each(?))"
# A request the reaper gave up for lost may still report: then its line is made whole.
_SAVE_LINES = (
    "INSERT INTO ledger_lines VALUES",
    """ON CONFLICT (id) DO UPDATE SET
       tenant_id = excluded.tenant_id, provider = excluded.provider, model = excluded.model,
       input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens,
       cache_read_tokens = excluded.cache_read_tokens,
       cache_write_tokens = excluded.cache_write_tokens,
       reasoning_tokens = excluded.reasoning_tokens, usage_source = excluded.usage_source,
       charged_nanousd = excluded.charged_nanousd, cost_nanousd = excluded.cost_nanousd,
       outcome = excluded.outcome, remark = excluded.remark, at_s = excluded.at_s
       WHERE ledger_lines.outcome = 'lost'""",
)
_OVERDUE = """
SELECT reservation_id FROM budget_holds
WHERE expired = 0 AND expires_at_s <= ? ORDER BY expires_at_s LIMIT 1000
"""
_FORGET = "DELETE FROM budget_holds WHERE expired = 1 AND expires_at_s <= ?"


def connect(path: Path) -> sqlite3.Connection:
    """Open the state file, creating the tables; the caller keeps it to one thread.

    ``synchronous`` is NORMAL: a commit survives any death of the process; the clerk adds the
    flush that makes settlements survive a power cut.
    """
    connection = sqlite3.connect(
        path,
        timeout=5.0,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=4 * ROWS_AT_ONCE,
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # a checkpoint flushes; see ``flush``
    connection.executescript(SCHEMA)
    connection.execute("PRAGMA busy_timeout = 0")  # from here on waiting is the caller's business
    return connection


def load(
    connection: sqlite3.Connection, reservation_ids: Iterable[str], accounts: Iterable[Account]
) -> Books:
    """Read the named holds and accounts, and the accounts of those holds."""
    (found,) = connection.execute(_LOAD_HOLDS, (_json(list(reservation_ids)),)).fetchone()
    holds = {row[0]: _hold(row) for row in orjson.loads(found)}
    wanted = {*accounts, *(hold.account for hold in holds.values())}
    names = _json([[account.name, account.window] for account in wanted])
    (found,) = connection.execute(_LOAD_BALANCES, (names,)).fetchone()
    balances = {Account(row[0], row[1]): Balance(row[2], row[3]) for row in orjson.loads(found)}
    return Books(balances, holds)


def save(connection: sqlite3.Connection, books: Books, now_s: float) -> None:
    """Write what the books changed; the caller owns the transaction."""
    balances = [
        [account.name, account.window, balance.spent_nanousd, balance.held_nanousd]
        for account in books.changed_accounts
        for balance in (books.balance(account),)
    ]
    _insert(connection, _SAVE_BALANCES, balances)
    _save_holds(connection, books)
    _insert(connection, _SAVE_LINES, [_row(posting, now_s) for posting in books.postings])


def overdue(connection: sqlite3.Connection, now_s: float) -> list[str]:
    """Name the holds whose lease has run out, oldest first."""
    return [row[0] for row in connection.execute(_OVERDUE, (now_s,))]


def forget(connection: sqlite3.Connection, before_s: float) -> None:
    """Drop the memory of holds that expired before a moment."""
    connection.execute(_FORGET, (before_s,))


def _save_holds(connection: sqlite3.Connection, books: Books) -> None:
    kept: list[list[object]] = []
    gone: list[str] = []
    for reservation_id in books.changed_holds:
        hold = books.hold(reservation_id)
        if hold is None:
            gone.append(reservation_id)
            continue
        account, line = hold.account, hold.line
        kept.append(
            [
                *(reservation_id, account.name, account.window),
                *(line.request_id, line.key_id, line.tenant_id, line.provider, line.model),
                *(hold.amount_nanousd, hold.expires_at_s, int(hold.expired)),
            ]
        )
    _insert(connection, _SAVE_HOLDS, kept)
    if gone:
        connection.execute(_DROP_HOLDS, (_json(gone),))


def _insert(
    connection: sqlite3.Connection, statement: tuple[str, str], rows: Sequence[Sequence[object]]
) -> None:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[start : start + ROWS_AT_ONCE]
        text = _statement(statement, len(part), len(part[0]))
        connection.execute(text, [value for row in part for value in row])


@cache
def _statement(statement: tuple[str, str], rows: int, columns: int) -> str:
    row = f"({','.join('?' * columns)})"
    return f"{statement[0]} {','.join([row] * rows)} {statement[1]}"


def _json(rows: list[Any]) -> str:
    return orjson.dumps(rows).decode()


def _hold(row: list[Any]) -> Hold:
    line = LedgerLine(row[3], row[4], row[5], row[6], row[7], outcome="lost")
    return Hold(Account(row[1], row[2]), line, row[8], row[9], bool(row[10]))


def _row(posting: Posting, now_s: float) -> list[object]:
    line = posting.line
    return [
        posting.line_id,
        *(line.request_id, line.key_id, line.tenant_id, line.provider, line.model),
        *_usage_columns(line.usage),
        posting.reserved_nanousd,
        posting.charged_nanousd,
        line.cost_nanousd,
        line.outcome,
        posting.remark,
        now_s,
    ]


def _usage_columns(usage: Usage | None) -> list[object]:
    if usage is None:
        return [None] * 6
    return [
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        usage.source,
    ]
