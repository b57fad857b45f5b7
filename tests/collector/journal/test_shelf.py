import errno
import os
from pathlib import Path

import pytest
from tests.collector.full_disk import file_size_limit

from tollkeeper_collector.errors import JournalUnavailable
from tollkeeper_collector.journal.mark import Mark
from tollkeeper_collector.journal.records import Entry, Record
from tollkeeper_collector.journal.segment import read
from tollkeeper_collector.journal.shelf import JournalLimits, Shelf

SMALL = JournalLimits(total_bytes=20_000, segment_bytes=2_000, keep_stored_s=100.0)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def entry(size: int = 900) -> Entry:
    return Entry(0, 1, bytes(16), b"x" * size)


def records(shelf: Shelf) -> list[int]:
    return [
        found.id
        for segment, end in shelf.extents()
        for _, found in read(segment, 0, end)
        if isinstance(found, Record)
    ]


def fill(shelf: Shelf) -> int:
    """Write until it is refused; return the last number that was not."""
    last_id = 0
    try:
        while last_id < 1000:
            last_id = shelf.write([entry()])
    except JournalUnavailable as refusal:
        assert "full" in str(refusal)  # noqa: PT017  # how many fit before is not known
    return last_id


def test_numbers_go_on_over_files_and_restarts(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, SMALL, Mark(), Clock())
    for _ in range(5):
        shelf.write([entry()])
    shelf.seal()
    assert len(list(tmp_path.glob("*.journal"))) == 2
    again = Shelf(tmp_path, SMALL, Mark(), Clock())
    assert again.write([entry(), entry()]) == 7
    assert records(again) == [1, 2, 3, 4, 5, 6, 7]


def test_numbers_go_on_behind_the_mark_when_all_files_are_gone(tmp_path: Path) -> None:
    assert Shelf(tmp_path, SMALL, Mark(40, 41), Clock()).write([entry()]) == 42


def test_a_full_journal_refuses_and_takes_again_once_rows_are_stored(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, SMALL, Mark(), Clock())
    last_id = fill(shelf)
    assert shelf.size_bytes <= SMALL.total_bytes
    shelf.discard(last_id)
    shelf.write([entry()])
    assert records(shelf)[-1] > last_id


def test_a_disk_that_takes_no_more_costs_nothing_that_was_committed(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, JournalLimits(), Mark(), Clock())
    shelf.write([entry()])
    with file_size_limit(1500):
        for _ in range(3):
            with pytest.raises(JournalUnavailable, match="cannot be written"):
                shelf.write([entry(5000)])
        shelf.write([entry(100)])  # small ones still fit into a file of their own
    shelf.write([entry(5000)])
    kept = records(shelf)
    assert len(kept) == 3
    assert kept == sorted(kept)
    shelf.seal()
    assert records(Shelf(tmp_path, JournalLimits(), Mark(), Clock())) == kept


def test_a_folder_that_is_gone_refuses_and_recovers(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    shelf = Shelf(folder, SMALL, Mark(), Clock())
    folder.rmdir()
    with pytest.raises(JournalUnavailable):
        shelf.write([entry()])
    folder.mkdir()
    shelf.write([entry()])
    assert len(records(shelf)) == 1


def test_the_last_stored_file_stays_for_a_while(tmp_path: Path) -> None:
    clock = Clock()
    shelf = Shelf(tmp_path, JournalLimits(segment_bytes=500, keep_stored_s=100.0), Mark(), clock)
    for _ in range(4):
        last_id = shelf.write([entry()])
    shelf.discard(last_id)
    assert records(shelf) == [3, 4]  # the newest sealed one, and the one being written
    clock.now_s = 101.0
    shelf.discard(last_id)
    assert records(shelf) == [4]


def test_an_old_file_is_let_go_even_when_nothing_comes(tmp_path: Path) -> None:
    clock = Clock()
    shelf = Shelf(tmp_path, SMALL, Mark(), clock)
    last_id = shelf.write([entry()])
    shelf.seal_if_old()
    clock.now_s = 101.0
    shelf.seal_if_old()
    shelf.discard(last_id)
    assert list(tmp_path.glob("*.journal")) == []


def test_files_with_waiting_rows_are_never_dropped(tmp_path: Path) -> None:
    clock = Clock()
    shelf = Shelf(tmp_path, SMALL, Mark(), clock)
    for _ in range(6):
        shelf.write([entry()])
    clock.now_s = 1e9
    shelf.discard(2)
    assert records(shelf)[-4:] == [3, 4, 5, 6]


def test_after_a_sync_that_failed_the_file_is_not_written_to_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(tmp_path, JournalLimits(), Mark(), Clock())
    shelf.write([entry()])
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", _input_output_error)  # no disk here fails on demand
        with pytest.raises(JournalUnavailable, match="cannot be written"):
            shelf.write([entry()])
    [first] = tmp_path.glob("*.journal")
    size_bytes = first.stat().st_size
    last_id = shelf.write([entry()])
    assert last_id == 3
    assert first.stat().st_size == size_bytes
    assert records(shelf) == [1, 3]


def _input_output_error(_: int) -> None:
    raise OSError(errno.EIO, "Input/output error")
