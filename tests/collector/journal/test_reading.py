from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tollkeeper_collector.journal.reading import Bounds, Cursor, Extent, next_batch
from tollkeeper_collector.journal.records import Entry, frame
from tollkeeper_collector.journal.segment import recover

MANY = 1_000_000


def extents(folder: Path, sizes: list[int]) -> list[Extent]:
    """Write files with so many records each, numbered through from 1."""
    number, made = 1, []
    for size in sizes:
        path = folder / f"{number:020d}.journal"
        numbers = range(number, number + size)
        path.write_bytes(b"".join(frame(n, Entry(0, n, bytes(16), b"x" * n)) for n in numbers))
        segment = recover(path, 0, 0.0, Counter())
        made.append((segment, segment.size_bytes))
        number += size
    return made


def test_a_batch_ends_when_it_has_rows_or_bytes_enough(tmp_path: Path) -> None:
    files = extents(tmp_path, [3, 3])
    batch, cursor = next_batch(files, Cursor(0), Bounds(None, 3, MANY))
    assert batch is not None
    assert [record.id for record in batch.records] == [1, 2]
    assert batch.rows == {0: 3}
    batch, _ = next_batch(files, cursor, Bounds(None, MANY, 7))
    assert batch is not None
    assert [record.id for record in batch.records] == [3, 4]


def test_a_batch_written_down_earlier_ends_where_it_did(tmp_path: Path) -> None:
    batch, cursor = next_batch(extents(tmp_path, [2, 4]), Cursor(1), Bounds(4, 1, 1))
    assert batch is not None
    assert [record.id for record in batch.records] == [2, 3, 4]
    assert cursor.last_id == 4


def test_nothing_new_is_no_batch(tmp_path: Path) -> None:
    files = extents(tmp_path, [2])
    assert next_batch(files, Cursor(2), Bounds(None, MANY, MANY))[0] is None
    assert next_batch([], Cursor(0), Bounds(None, MANY, MANY))[0] is None


def test_lost_rows_are_told_and_passed_over(tmp_path: Path) -> None:
    files = extents(tmp_path, [3])
    path = files[0][0].path
    path.write_bytes(path.read_bytes().replace(b"xx", b"xy", 1))
    batch, cursor = next_batch(files, Cursor(0), Bounds(None, MANY, MANY))
    assert batch is not None
    assert [record.id for record in batch.records] == [1, 3]
    assert batch.lost == {0: 2}
    assert cursor.last_id == 3


@settings(max_examples=30)
@given(sizes=st.lists(st.integers(0, 4), max_size=4), rows=st.integers(1, 20))
def test_batches_are_all_records_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], rows: int
) -> None:
    files = extents(tmp_path_factory.mktemp("files"), [size for size in sizes if size])
    seen, cursor = [], Cursor(0)
    while True:
        batch, cursor = next_batch(files, cursor, Bounds(None, rows, MANY))
        if batch is None:
            break
        seen += [record.id for record in batch.records]
    assert seen == list(range(1, sum(sizes) + 1))
