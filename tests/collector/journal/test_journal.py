import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tollkeeper_collector.journal import Batch, Entry, Journal, JournalLimits, JournalLocked
from tollkeeper_collector.journal.records import Record

MANY = 1_000_000


def entry(number: int, rows: int = 1) -> Entry:
    return Entry(0, rows, number.to_bytes(16, "big"), f"payload {number}".encode())


def appended(journal: Journal, *numbers: int) -> None:
    for future in [journal.append(entry(number)) for number in numbers]:
        future.result(timeout=10)


def take(journal: Journal, max_rows: int = MANY) -> Batch:
    batch = journal.take(max_rows, MANY, timeout_s=5)
    assert batch is not None
    return batch


def numbers(batch: Batch) -> list[int]:
    return [int(record.entry.payload.split()[1]) for record in batch.records]


def test_what_was_appended_is_taken_and_gone_once_stored(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    appended(journal, 1, 2, 3)
    assert journal.waiting() == {0: 3}
    batch = take(journal)
    assert numbers(batch) == [1, 2, 3]
    journal.stored(batch)
    assert journal.waiting().total() == 0
    assert journal.take(MANY, MANY, timeout_s=0.01) is None
    journal.close()


def test_a_restart_takes_the_same_batch_again_although_more_has_come(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    appended(journal, 1, 2, 3, 4)
    first = take(journal, max_rows=2)
    appended(journal, 5)
    journal.close()  # taken, never stored
    again = Journal(tmp_path)
    assert again.waiting() == {0: 5}
    assert take(again, max_rows=4) == first
    again.stored(first)
    assert numbers(take(again)) == [3, 4, 5]
    again.close()


def test_what_is_stored_does_not_come_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    appended(journal, 1, 2)
    journal.stored(take(journal))
    journal.close()
    again = Journal(tmp_path)
    assert again.waiting().total() == 0
    assert list(again.digests()) == [entry(1).digest, entry(2).digest]
    appended(again, 3)
    assert numbers(take(again)) == [3]
    again.close()


def test_a_folder_belongs_to_one_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(JournalLocked):
        Journal(tmp_path)
    journal.close()


def test_a_planned_batch_whose_file_is_gone_is_passed_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path, JournalLimits(segment_bytes=10))
    appended(journal, 1)
    take(journal)
    journal.close()
    for path in tmp_path.glob("*.journal"):
        path.unlink()
    again = Journal(tmp_path)
    appended(again, 2)
    assert again.take(MANY, MANY, timeout_s=0) is None
    assert numbers(take(again)) == [2]
    again.close()


def test_a_lost_mark_brings_rows_twice_rather_than_never(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    appended(journal, 1, 2)
    journal.stored(take(journal))
    journal.close()
    (tmp_path / "mark").write_bytes(b"\xff" * 8192)
    again = Journal(tmp_path)
    assert numbers(take(again)) == [1, 2]
    again.close()


def test_damaged_rows_are_accounted_for(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    appended(journal, 1, 2, 3)
    journal.close()
    [path] = tmp_path.glob("*.journal")
    path.write_bytes(path.read_bytes().replace(b"payload 2", b"payload x"))
    again = Journal(tmp_path)
    batch = take(again)
    assert numbers(batch) == [1, 3]
    assert batch.lost == Counter({0: 1})
    again.stored(batch)
    assert again.waiting().total() == 0
    again.close()


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_prefix_of_what_reached_the_disk_gives_every_acknowledged_record(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever is cut off behind the last sync, or stands there instead, changes nothing."""
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(
        folder, JournalLimits(segment_bytes=data.draw(st.sampled_from([100, 10_000])))
    )
    known = data.draw(st.integers(1, 6))
    for number in range(known):
        appended(journal, number)
    synced = {path: path.stat().st_size for path in folder.glob("*.journal")}
    appended(journal, *range(100, 100 + data.draw(st.integers(0, 4))))
    journal.close()
    for path in sorted(folder.glob("*.journal")):
        end = path.stat().st_size
        cut = data.draw(st.integers(min(synced.get(path, 0), end), end))
        tail = data.draw(st.sampled_from([b"", bytes(200), b"\xff" * 60]))
        path.write_bytes(path.read_bytes()[:cut] + tail)
        if path not in synced and cut == 0:
            path.unlink()
    again = Journal(folder)
    seen = numbers(take(again))
    assert seen[:known] == list(range(known))
    assert set(seen[known:]) <= set(range(100, 104))
    again.close()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["append", "take", "store", "restart"]), max_size=20), st.data())
def test_any_order_of_events_delivers_every_record_in_order_and_repeats_whole_batches_only(
    tmp_path_factory: pytest.TempPathFactory, events: list[str], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    copy = folder.with_name(folder.name + "-killed")
    journal = Journal(folder, JournalLimits(segment_bytes=150))
    count, done, under_way = 0, [], None
    for event in [*events, "restart", "take", "store"]:
        if event == "append":
            appended(journal, count)
            count += 1
        elif event == "take" and under_way is None:
            rows = data.draw(st.integers(1, 3))
            under_way = journal.take(rows, MANY, timeout_s=0)
        elif event == "store" and under_way is not None:
            journal.stored(under_way)
            done += numbers(under_way)
            under_way = None
        elif event == "restart":
            before = under_way
            shutil.copytree(folder, copy)  # what a kill leaves behind
            journal.close()
            shutil.rmtree(folder)
            copy.rename(folder)
            journal, under_way = Journal(folder, JournalLimits(segment_bytes=150)), None
            if before is not None:
                again = take(journal, max_rows=data.draw(st.integers(1, 3)))
                assert again == before
                under_way = again
    while (batch := under_way or journal.take(2, MANY, timeout_s=0)) is not None:
        journal.stored(batch)
        done += numbers(batch)
        under_way = None
    assert done == list(range(count))
    assert journal.waiting().total() == 0
    journal.close()


def test_records_keep_their_numbers(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    appended(journal, 7, 8)
    assert take(journal).records == (Record(1, entry(7)), Record(2, entry(8)))
    journal.close()


def test_stored_records_do_not_linger_when_nothing_comes(tmp_path: Path) -> None:
    now_s = [0.0]
    limits = JournalLimits(segment_bytes=1, keep_stored_s=60.0)
    journal = Journal(tmp_path, limits, clock=lambda: now_s[0])
    appended(journal, 1)
    appended(journal, 2)
    journal.stored(take(journal))
    assert len(list(tmp_path.glob("*.journal"))) == 2
    now_s[0] = 61.0
    assert journal.take(MANY, MANY, timeout_s=0) is None
    assert len(list(tmp_path.glob("*.journal"))) == 1  # the one that may still grow
    journal.close()
