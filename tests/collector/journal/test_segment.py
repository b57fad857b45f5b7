from collections import Counter
from pathlib import Path

from tollkeeper_collector.journal.records import Damage, Entry, Record, frame
from tollkeeper_collector.journal.segment import create, read, recover

FIRST = Entry(0, 3, b"a" * 16, b"one")
SECOND = Entry(1, 4, b"b" * 16, b"two")


def written(folder: Path, data: bytes) -> Path:
    path = folder / f"{5:020d}.journal"
    path.write_bytes(data)
    return path


def test_recovery_finds_numbers_digests_and_waiting_rows(tmp_path: Path) -> None:
    waiting: Counter[int] = Counter()
    path = written(tmp_path, frame(5, FIRST) + frame(6, SECOND))
    segment = recover(path, stored=5, now_s=0.0, waiting=waiting)
    assert segment.last_id == 6
    assert segment.digests == [FIRST.digest, SECOND.digest]
    assert waiting == {1: 4}


def test_recovery_counts_places_without_a_record(tmp_path: Path) -> None:
    path = written(tmp_path, b"rubbish" + frame(6, SECOND) + b"torn")
    segment = recover(path, stored=0, now_s=0.0, waiting=Counter())
    assert (segment.damaged, segment.last_id) == (1, 6)


def test_an_empty_file_is_below_its_first_record(tmp_path: Path) -> None:
    segment = recover(written(tmp_path, b""), stored=0, now_s=0.0, waiting=Counter())
    assert (segment.last_id, segment.size_bytes) == (4, 0)


def test_reading_tells_damaged_payloads(tmp_path: Path) -> None:
    data = frame(5, FIRST).replace(b"one", b"0ne") + frame(6, SECOND)
    path = written(tmp_path, data)
    segment = recover(path, stored=0, now_s=0.0, waiting=Counter())
    [first, second] = [found for _, found in read(segment, 0, segment.size_bytes)]
    assert isinstance(first, Damage)
    assert second == Record(6, SECOND)


def test_reading_stops_at_the_committed_end(tmp_path: Path) -> None:
    path = written(tmp_path, frame(5, FIRST) + frame(6, SECOND))
    segment = recover(path, stored=0, now_s=0.0, waiting=Counter())
    end = len(frame(5, FIRST))
    assert [found for _, found in read(segment, 0, end)] == [Record(5, FIRST)]
    assert list(read(segment, end, end)) == []


def test_a_new_file_is_named_after_its_first_record(tmp_path: Path) -> None:
    segment, descriptor = create(tmp_path, 7, 1.5)
    assert segment.path.name == "00000000000000000007.journal"
    assert (segment.last_id, segment.born_s, descriptor > 0) == (6, 1.5, True)
