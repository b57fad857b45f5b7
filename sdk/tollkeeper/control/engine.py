"""A control URL in, a connected engine out; SQLite files are never created by merely asking.

Everything that differs between SQLite and PostgreSQL stands here and in ``schema``.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from tollkeeper.errors import ConfigError, ControlUnreachable

CONNECT_TIMEOUT_S: Final = 5
BUSY_TIMEOUT_S: Final = 5.0  # writers of one file wait for each other this long
POSTGRES: Final = ("postgresql", "postgres", "postgresql+psycopg")


def parse(url: str) -> URL:
    """Return the URL, refusing what we do not speak; the message never holds a password."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError("control.url: not a URL such as sqlite:///data/control.db") from None
    if parsed.drivername == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ConfigError("control.url: SQLite needs a file, as in sqlite:///data/control.db")
        return parsed
    if parsed.drivername in POSTGRES:
        return parsed.set(drivername="postgresql+psycopg")
    raise ConfigError(f"control.url: '{parsed.drivername}' is neither sqlite nor postgresql")


def open_engine(url: URL) -> Engine:
    """Return an engine; it connects when first used."""
    if url.drivername == "sqlite":
        return _sqlite_engine(file_of(url))
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_size=5,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S},
    )


def file_of(url: URL) -> Path:
    """Return the file a SQLite URL names."""
    return Path(url.database or "").absolute()


def create_private(path: Path) -> None:
    """Create an empty file that only we may read, if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


@contextmanager
def reachable(url: URL) -> Iterator[None]:
    """Turn whatever the driver raises into one refusal that names the store, without password."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as failure:
        reason = str(getattr(failure, "orig", failure)).strip().splitlines() or ["no reason given"]
        shown = url.render_as_string(hide_password=True)
        raise ControlUnreachable(f"control store {shown}: {reason[0]}") from failure


def _sqlite_engine(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        # mode=rw: a missing file is an error here, not a new and empty store.
        return sqlite3.connect(
            f"file:{quote(str(path))}?mode=rw",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            check_same_thread=False,
        )

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are ours, so that DDL is inside them too
    connection.execute("PRAGMA synchronous=FULL")  # an acknowledged key survives a power cut


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock at once: upgrading a read lock cannot wait and fails instead.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
