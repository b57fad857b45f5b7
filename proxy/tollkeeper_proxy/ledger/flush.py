"""The flush that lets settlements survive a power cut: fdatasync of SQLite's write-ahead log.

SQLite takes no lock on that file, so a second descriptor is harmless there (on the database file
closing one would drop SQLite's locks).
"""

import os
import time
from math import inf
from pathlib import Path

INTERVAL_S = 0.05  # a power cut loses the settlements of the last 50 ms at most


class WalFile:
    """The write-ahead log beside a state file that is open in this thread."""

    def __init__(self, database: Path) -> None:
        self._descriptor = os.open(f"{database}-wal", os.O_RDWR)
        folder = os.open(database.parent, os.O_RDONLY)
        os.fsync(folder)  # the file's name must survive too
        os.close(folder)
        self._due_at_s = inf

    def mark_unflushed(self) -> None:
        """Say that something was written that must be on disk within the interval."""
        self._due_at_s = min(self._due_at_s, time.monotonic() + INTERVAL_S)

    def due_in_s(self) -> float:
        return max(0.0, self._due_at_s - time.monotonic())

    def flush_when_due(self) -> None:
        if time.monotonic() >= self._due_at_s:
            self.flush()

    def flush(self) -> None:
        self._due_at_s = inf
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)
