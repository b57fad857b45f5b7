"""The flush that lets settlements survive a power cut: fdatasync of SQLite's write-ahead log.

It has a thread of its own, and so has moving the log into the database (the checkpoint), which
flushes too: a slow disk then delays durability, never a reservation. SQLite takes no lock on the
log file, so a second descriptor is harmless there (on the database file closing one would drop
SQLite's locks).
"""

import logging
import os
import sqlite3
import threading
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

INTERVAL_S: Final = 0.05  # a power cut loses the settlements of the last 50 ms at most
CHECKPOINT_BYTES: Final = 4 * 1024 * 1024  # where SQLite itself would checkpoint (1,000 pages)
TRUNCATE_BYTES: Final = 64 * 1024 * 1024  # a log that writers never let end is made to


class Flusher:
    """Flushes the write-ahead log beside a state file soon after it was told to."""

    def __init__(self, database: Path, *, interval_s: float = INTERVAL_S) -> None:
        self._database = database
        self._interval_s = interval_s
        self._log_file = os.open(f"{database}-wal", os.O_RDWR)
        folder = os.open(database.parent, os.O_RDONLY)
        os.fsync(folder)  # the file's name must survive too
        os.close(folder)
        self._unflushed = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-flush", daemon=True)
        self._thread.start()

    def mark_unflushed(self) -> None:
        """Say that something was written that must be on disk within the interval."""
        self._unflushed.set()

    def close(self) -> None:
        """Flush what is marked, then stop."""
        self._closing.set()
        self._unflushed.set()
        self._thread.join()
        os.close(self._log_file)

    def _run(self) -> None:
        connection = sqlite3.connect(self._database, timeout=5.0, isolation_level=None)
        try:
            closing = False
            while not closing:
                self._unflushed.wait()
                closing = self._closing.wait(self._interval_s)
                self._unflushed.clear()
                self._flush(connection)
        finally:
            connection.close()

    def _flush(self, connection: sqlite3.Connection) -> None:
        try:
            os.fdatasync(self._log_file)
            size_bytes = os.fstat(self._log_file).st_size
            if size_bytes > CHECKPOINT_BYTES:
                mode = "TRUNCATE" if size_bytes > TRUNCATE_BYTES else "PASSIVE"
                connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except (OSError, sqlite3.Error):
            log.exception("the ledger could not be flushed to disk")
