"""Group commit: entries from many requests in, one write and one sync for all of them.

The thread takes whatever has come while it was syncing, so the disk's pace sets the group's size
and nobody waits for a timer.
"""

import queue
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Thread
from typing import Final

from tollkeeper_collector.errors import JournalUnavailable
from tollkeeper_collector.journal.records import Entry
from tollkeeper_collector.journal.shelf import Shelf

_IDLE_S: Final = 15.0  # how often an idle journal looks whether its file has grown old

Pending = tuple[Entry, "Future[None]"]


class Writer:
    """The thread that makes entries durable."""

    def __init__(
        self, shelf: Shelf, group_bytes: int, committed: Callable[[Sequence[Entry]], None]
    ) -> None:
        self._shelf, self._group_bytes, self._committed = shelf, group_bytes, committed
        self._queue: queue.SimpleQueue[Pending | None] = queue.SimpleQueue()
        self._closing = False
        self._thread = Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def append(self, entry: Entry) -> "Future[None]":
        """Return a future that is done once the entry is durable, or fails if it is not."""
        future: Future[None] = Future()
        self._queue.put((entry, future))
        return future

    def close(self) -> None:
        """Commit what is waiting and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while not self._closing:
            if group := self._collect():
                self._commit(group)
            else:
                self._shelf.seal_if_old()
        self._shelf.seal()

    def _collect(self) -> list[Pending]:
        group: list[Pending] = []
        size_bytes = 0
        while size_bytes < self._group_bytes:
            try:
                pending = self._queue.get(block=not group, timeout=_IDLE_S)
            except queue.Empty:
                break
            if pending is None:
                self._closing = True
                break
            if pending[1].set_running_or_notify_cancel():
                group.append(pending)
                size_bytes += len(pending[0].payload)
        return group

    def _commit(self, group: Sequence[Pending]) -> None:
        entries = [entry for entry, _ in group]
        try:
            self._shelf.write(entries)
        except JournalUnavailable as error:
            for _, future in group:
                future.set_exception(error)
            return
        self._committed(entries)
        for _, future in group:
            future.set_result(None)
