"""The journal as its users see it: append durably, take in batches, say what is stored.

``append`` may be called from any thread, ``take`` and ``stored`` by one, in turn. A batch's end is
made durable before the batch is handed out, so after a crash the same records come again together.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Condition

from tollkeeper_collector.journal.lock import hold
from tollkeeper_collector.journal.mark import Mark, MarkFile
from tollkeeper_collector.journal.reading import Batch, Bounds, Cursor, next_batch
from tollkeeper_collector.journal.records import Entry
from tollkeeper_collector.journal.shelf import JournalLimits, Shelf
from tollkeeper_collector.journal.writer import Writer

__all__ = ["Batch", "Journal", "JournalLimits"]


class Journal:
    """Entries on disk between their acknowledgement and the store."""

    def __init__(
        self,
        folder: Path,
        limits: JournalLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open a folder, making it where it is not; raise JournalLocked or OSError."""
        limits = limits or JournalLimits()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = hold(folder)
        self._mark = MarkFile(folder / "mark")
        self._shelf = Shelf(folder, limits, self._mark.mark, clock)
        self._cursor = Cursor(self._mark.mark.stored)
        self._grown = Condition()
        self._waiting: Counter[int] = Counter(self._shelf.waiting)
        self._writer = Writer(self._shelf, limits.group_bytes, self._committed)

    @property
    def size_bytes(self) -> int:
        """How much is on disk, stored or not."""
        return self._shelf.size_bytes

    @property
    def damaged(self) -> int:
        """How many places in old files hold no record any more."""
        return self._shelf.damaged

    def waiting(self) -> Counter[int]:
        """Return how many acknowledged rows are not stored, by signal."""
        with self._grown:
            return Counter(self._waiting)

    def digests(self) -> Iterator[bytes]:
        """The digests of records found when the journal was opened."""
        return self._shelf.digests()

    def append(self, entry: Entry) -> "Future[None]":
        """Return a future that is done once the entry is durable.

        It fails with JournalUnavailable when the entry could not be made so.
        """
        return self._writer.append(entry)

    def take(self, max_rows: int, max_bytes: int, *, timeout_s: float) -> Batch | None:
        """Return the next batch, None when nothing came in time.

        The batch may be over either limit by its last record. Raises OSError when its end cannot
        be made durable; the same batch is then taken again.
        """
        with self._grown:
            if not self._waiting.total():
                self._grown.wait(timeout_s)
        mark = self._mark.mark
        until = mark.planned if mark.planned > mark.stored else None
        bounds = Bounds(until, max_rows, max_bytes)
        batch, cursor = next_batch(self._shelf.extents(), self._cursor, bounds)
        if batch is None and until is not None:  # the records it named are gone
            self._mark.write(Mark(until, until), durable=True)
        elif batch is not None and until is None:
            self._mark.write(Mark(mark.stored, batch.last_id), durable=True)
        self._cursor = cursor
        if batch is None:
            self._shelf.discard(self._mark.mark.stored)  # what has grown old meanwhile
        if batch is None and self._waiting.total():  # rows whose record is gone: do not spin
            with self._grown:
                self._grown.wait(timeout_s)
        return batch

    def stored(self, batch: Batch) -> None:
        """Say that a batch needs no more keeping."""
        self._mark.write(Mark(batch.last_id, batch.last_id), durable=False)
        with self._grown:
            self._waiting.subtract(batch.rows)
            self._waiting.subtract(batch.lost)
        self._shelf.discard(batch.last_id)

    def close(self) -> None:
        """Commit what was appended and let go of the folder; nothing may be appended after."""
        self._writer.close()
        self._mark.close()
        os.close(self._lock)

    def _committed(self, entries: Sequence[Entry]) -> None:
        with self._grown:
            for entry in entries:
                self._waiting[entry.signal] += entry.rows
            self._grown.notify_all()
