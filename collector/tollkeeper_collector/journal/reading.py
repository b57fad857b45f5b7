"""Reading the journal in batches: segments with their committed ends in, the next records out."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tollkeeper_collector.journal.records import Damage, Record
from tollkeeper_collector.journal.segment import Segment, read

Extent = tuple[Segment, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that go into the store together, and rows by signal that could not be read."""

    records: tuple[Record, ...]
    lost: Counter[int]
    last_id: int

    @property
    def rows(self) -> Counter[int]:
        """How many rows the records hold, by signal."""
        rows: Counter[int] = Counter()
        for _, entry in self.records:
            rows[entry.signal] += entry.rows
        return rows


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a batch ends: at a record written down earlier, or when it is big enough."""

    until: int | None
    max_rows: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where reading goes on: behind a record, at an offset of a file."""

    last_id: int
    path: Path | None = None
    offset: int = 0


def next_batch(
    extents: Sequence[Extent], cursor: Cursor, bounds: Bounds
) -> tuple[Batch | None, Cursor]:
    """Return the records behind the cursor that belong together, and the cursor behind them."""
    records: list[Record] = []
    lost: Counter[int] = Counter()
    rows = size_bytes = 0
    for found, at in _behind(extents, cursor):
        if bounds.until is not None and at.last_id > bounds.until:
            break
        cursor = at
        if isinstance(found, Damage):
            lost[found.signal] += found.rows
            continue
        records.append(found)
        rows += found.entry.rows
        size_bytes += len(found.entry.payload)
        if bounds.until is None and (rows >= bounds.max_rows or size_bytes >= bounds.max_bytes):
            break
    if not records and not lost:
        return None, cursor
    return Batch(tuple(records), lost, cursor.last_id), cursor


def _behind(extents: Sequence[Extent], cursor: Cursor) -> Iterator[tuple[Record | Damage, Cursor]]:
    for segment, end in extents:
        if segment.last_id <= cursor.last_id:
            continue
        offset = cursor.offset if segment.path == cursor.path else 0
        for header, found in read(segment, offset, end):
            if header.id > cursor.last_id:
                at = Cursor(header.id, segment.path, header.end)
                yield found, at
                cursor = replace(cursor, last_id=header.id)
