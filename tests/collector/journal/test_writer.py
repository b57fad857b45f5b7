import threading
from collections.abc import Sequence
from concurrent.futures import Future, wait
from pathlib import Path

import pytest

from tollkeeper_collector.errors import JournalUnavailable
from tollkeeper_collector.journal.mark import Mark
from tollkeeper_collector.journal.records import Entry
from tollkeeper_collector.journal.shelf import JournalLimits, Shelf
from tollkeeper_collector.journal.writer import Writer


class SlowShelf(Shelf):
    """A shelf whose disk waits to be told that it has synced."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, JournalLimits(), Mark(), lambda: 0.0)
        self.groups: list[int] = []
        self.may_sync = threading.Semaphore(0)

    def write(self, entries: Sequence[Entry]) -> int:
        self.may_sync.acquire()
        self.groups.append(len(entries))
        return super().write(entries)


def entry(payload: bytes = b"x") -> Entry:
    return Entry(0, 1, bytes(16), payload)


def ignore(_: Sequence[Entry]) -> None:
    return


def test_what_comes_while_the_disk_is_busy_is_synced_together(tmp_path: Path) -> None:
    shelf = SlowShelf(tmp_path)
    writer = Writer(shelf, 1_000_000, ignore)
    first = writer.append(entry())
    while not writer._queue.empty():
        pass
    rest = [writer.append(entry()) for _ in range(20)]
    assert not first.done()
    shelf.may_sync.release(2)
    wait([first, *rest], timeout=10)
    assert shelf.groups == [1, 20]
    writer.close()


def test_a_group_is_bounded_in_bytes(tmp_path: Path) -> None:
    shelf = SlowShelf(tmp_path)
    writer = Writer(shelf, 100, ignore)
    futures: list[Future[None]] = [writer.append(entry(b"x" * 60)) for _ in range(6)]
    shelf.may_sync.release(6)
    wait(futures, timeout=10)
    assert max(shelf.groups) <= 2
    writer.close()


def test_a_failed_sync_is_told_to_everybody_in_the_group(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, JournalLimits(total_bytes=10), Mark(), lambda: 0.0)
    told: list[Sequence[Entry]] = []
    writer = Writer(shelf, 1_000_000, told.append)
    futures = [writer.append(entry(b"x" * 50)) for _ in range(3)]
    for future in futures:
        with pytest.raises(JournalUnavailable):
            future.result(timeout=10)
    assert told == []
    writer.close()


def test_closing_commits_what_was_appended(tmp_path: Path) -> None:
    told: list[Entry] = []
    writer = Writer(Shelf(tmp_path, JournalLimits(), Mark(), lambda: 0.0), 1_000_000, told.extend)
    futures = [writer.append(entry()) for _ in range(50)]
    writer.close()
    assert all(future.done() for future in futures)
    assert len(told) == 50


def test_an_entry_nobody_waits_for_any_more_is_not_written(tmp_path: Path) -> None:
    shelf = SlowShelf(tmp_path)
    writer = Writer(shelf, 1_000_000, ignore)
    first = writer.append(entry())
    while not writer._queue.empty():
        pass
    gone, kept = writer.append(entry()), writer.append(entry())
    gone.cancel()
    shelf.may_sync.release(2)
    wait([first, kept], timeout=10)
    assert shelf.groups == [1, 1]
    writer.close()
