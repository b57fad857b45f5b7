"""Brings a control store to the newest schema; safe when several processes do it at once.

Only this module knows Alembic. Migrations run in one transaction each way or not at all.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError

from tollkeeper.control.engine import create_private, file_of, open_engine, parse, reachable

HEAD: Final = "0001"  # the newest migration
MIGRATIONS: Final = Path(__file__).parent / "migrations"
ADVISORY_LOCK: Final = 7_466_107  # any fixed number; held until the transaction ends


def migrate(url: str) -> None:
    """Create or upgrade the store behind ``url``; raises ControlUnreachable or ConfigError."""
    parsed = parse(url)
    if is_current(parsed):
        return
    with reachable(parsed), _alone(parsed):
        engine = open_engine(parsed)
        try:
            with engine.execution_options(writes=True).begin() as connection:
                _upgrade(connection)
        finally:
            engine.dispose()


def is_current(url: URL) -> bool:
    """Tell whether a store is there and has the newest schema."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DBAPIError:  # no file, no table or no server: the migration finds out which
        return False
    finally:
        engine.dispose()
    return bool(version == HEAD)


def _upgrade(connection: Connection) -> None:
    # Imported when needed, once a release: it would cost every start 0.4 s.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": ADVISORY_LOCK})
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def _alone(url: URL) -> Iterator[None]:
    """Hold a lock beside the SQLite file, and make the file ready; PostgreSQL locks by itself.

    The lock is a file of its own: closing any handle of the database file would drop the locks
    SQLite holds on it for this process.
    """
    if url.drivername != "sqlite":
        yield
        return
    path = file_of(url)
    create_private(path)
    handle = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        _use_wal(url)
        yield
    finally:
        os.close(handle)


def _use_wal(url: URL) -> None:
    """Let readers and a writer work side by side; the file remembers it."""
    engine = open_engine(url)
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        raw.close()
        engine.dispose()
