"""The answer store's table in SQLite: look up, keep, evict the oldest, erase. Knows no thread."""

import sqlite3
from pathlib import Path

import orjson

from tollkeeper_proxy.cache.entries import Entry
from tollkeeper_proxy.wire import Answer

SCHEMA = """
CREATE TABLE IF NOT EXISTS cached_answers (
    key TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, stored_at_s REAL NOT NULL,
    expires_at_s REAL NOT NULL, size_bytes INTEGER NOT NULL, status INTEGER NOT NULL,
    content_type TEXT NOT NULL, headers TEXT NOT NULL, stream INTEGER NOT NULL,
    body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS cached_answers_by_age ON cached_answers (stored_at_s);
CREATE INDEX IF NOT EXISTS cached_answers_by_expiry ON cached_answers (expires_at_s);
CREATE INDEX IF NOT EXISTS cached_answers_by_tenant ON cached_answers (tenant_id);
CREATE TABLE IF NOT EXISTS cached_bytes (one INTEGER PRIMARY KEY CHECK (one = 1), total INTEGER);
INSERT OR IGNORE INTO cached_bytes VALUES (1, 0);
CREATE TRIGGER IF NOT EXISTS cached_more AFTER INSERT ON cached_answers
    BEGIN UPDATE cached_bytes SET total = total + new.size_bytes; END;
CREATE TRIGGER IF NOT EXISTS cached_less AFTER DELETE ON cached_answers
    BEGIN UPDATE cached_bytes SET total = total - old.size_bytes; END;
"""
ROW_BYTES = 512  # what a row costs beside its body, roughly
_EVICT_AT_ONCE = 64


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, creating the tables; deleted answers are overwritten, not just forgotten."""
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")  # a lost answer is asked for again
    connection.execute("PRAGMA secure_delete = ON")
    connection.executescript(SCHEMA)
    return connection


def find(connection: sqlite3.Connection, key: str, now_s: float) -> Answer | None:
    """Return the answer under a key, unless it is too old."""
    row = connection.execute(
        "SELECT status, content_type, body, headers, stream FROM cached_answers"
        " WHERE key = ? AND expires_at_s > ?",
        (key, now_s),
    ).fetchone()
    if row is None:
        return None
    headers = tuple((str(name), str(value)) for name, value in orjson.loads(row[3]))
    return Answer(row[0], row[1], row[2], headers, stream=bool(row[4]))


def keep(connection: sqlite3.Connection, entry: Entry, now_s: float, *, max_bytes: int) -> None:
    """Store an answer in place of an older one, then make room: expired first, then oldest."""
    answer = entry.answer
    size_bytes = len(answer.body) + ROW_BYTES
    if size_bytes > max_bytes:
        return
    row = (
        *(entry.key, entry.tenant_id, now_s, now_s + entry.ttl_s, size_bytes),
        *(answer.status, answer.content_type, orjson.dumps(answer.headers).decode()),
        *(int(answer.stream), answer.body),
    )
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("DELETE FROM cached_answers WHERE key = ?", (entry.key,))
        connection.execute("INSERT INTO cached_answers VALUES (?,?,?,?,?,?,?,?,?,?)", row)
        connection.execute("DELETE FROM cached_answers WHERE expires_at_s <= ?", (now_s,))
        _evict(connection, max_bytes)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def erase(connection: sqlite3.Connection, tenant_id: str | None) -> int:
    """Delete the answers of one tenant, or of all; return how many there were."""
    if tenant_id is None:
        return connection.execute("DELETE FROM cached_answers").rowcount
    statement = "DELETE FROM cached_answers WHERE tenant_id = ?"
    return connection.execute(statement, (tenant_id,)).rowcount


def total_bytes(connection: sqlite3.Connection) -> int:
    """Return what all kept answers take."""
    (total,) = connection.execute("SELECT total FROM cached_bytes").fetchone()
    return int(total)


def _evict(connection: sqlite3.Connection, max_bytes: int) -> None:
    while total_bytes(connection) > max_bytes:
        connection.execute(
            "DELETE FROM cached_answers WHERE key IN"
            " (SELECT key FROM cached_answers ORDER BY stored_at_s LIMIT ?)",
            (_EVICT_AT_ONCE,),
        )
