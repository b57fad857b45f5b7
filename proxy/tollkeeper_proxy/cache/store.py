"""The answer store of one worker: one thread, one connection, never a wait on the event loop.

Any number of workers share the file. What cannot be read is a miss; what cannot be written is
dropped and counted.
"""

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tollkeeper_proxy.cache import tables
from tollkeeper_proxy.cache.entries import CacheDown, Entry
from tollkeeper_proxy.wire import Answer

log = logging.getLogger(__name__)

WAITING_BYTES = 64 * 1024 * 1024  # answers waiting to be written; more are dropped


class SqliteAnswers:
    """Answers in a SQLite file of their own; ``open`` before use."""

    def __init__(
        self, path: Path, *, max_bytes: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="answers")
        self._connection: sqlite3.Connection | None = None
        self._waiting_bytes = 0
        self._lock = threading.Lock()  # two threads count what waits
        self.dropped = 0

    async def open(self) -> None:
        """Open the file; one that cannot be opened leaves the cache out of use, not the proxy."""
        loop = asyncio.get_running_loop()
        try:
            self._connection = await loop.run_in_executor(self._thread, tables.connect, self._path)
        except sqlite3.Error as error:
            log.warning("the answer cache at %s cannot be used: %s", self._path, error)

    async def close(self) -> None:
        """Write what waits, then close."""
        connection, self._connection = self._connection, None
        await asyncio.to_thread(self._thread.shutdown)
        if connection is not None:
            connection.close()

    async def find(self, key: str) -> Answer | None:
        """Return the answer under a key; raises ``CacheDown``."""
        connection = self._connection
        if connection is None:
            raise CacheDown("the answer cache is not open")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._thread, tables.find, connection, key, self._clock()
            )
        except (sqlite3.Error, RuntimeError) as error:
            raise CacheDown(str(error)) from error

    def keep(self, entry: Entry) -> None:
        """Queue an answer to be stored; drops it when too much waits already."""
        size_bytes = len(entry.answer.body)
        if self._connection is None or self._waiting_bytes + size_bytes > WAITING_BYTES:
            self.dropped += 1
            return
        with self._lock:
            self._waiting_bytes += size_bytes
        self._thread.submit(self._write, self._connection, entry)

    def _write(self, connection: sqlite3.Connection, entry: Entry) -> None:
        try:
            if entry.may_be_kept is None or entry.may_be_kept():
                tables.keep(connection, entry, self._clock(), max_bytes=self._max_bytes)
        except sqlite3.Error as error:
            self.dropped += 1
            log.warning("an answer could not be cached: %s", error)
        finally:
            with self._lock:
                self._waiting_bytes -= len(entry.answer.body)
