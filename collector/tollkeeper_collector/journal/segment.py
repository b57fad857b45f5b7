"""One journal file: records appended at its end, read from its start, removed as a whole.

``size_bytes`` is what is committed; bytes beyond it belong to a group that failed or is under way.
"""

import mmap
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tollkeeper_collector.journal.records import Damage, Header, Record, headers, record_of

SUFFIX: Final = ".journal"


@dataclass(slots=True)
class Segment:
    """A journal file and what is known about it."""

    path: Path
    last_id: int  # of the records in it; below the first one's while it is empty
    size_bytes: int = 0
    born_s: float = 0.0  # on the monotonic clock
    digests: list[bytes] = field(default_factory=list)  # of recovered records only
    damaged: int = 0  # places without a sound header, found when it was recovered


def create(folder: Path, first_id: int, now_s: float) -> tuple[Segment, int]:
    """Make an empty segment; return it with a descriptor to append to it."""
    path = folder / f"{first_id:020d}{SUFFIX}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        sync_folder(folder)
    except OSError:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise
    return Segment(path, first_id - 1, born_s=now_s), descriptor


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def recover(path: Path, stored: int, now_s: float, waiting: Counter[int]) -> Segment:
    """Look over a file left by an earlier process; count rows not stored into ``waiting``."""
    segment = Segment(path, int(path.stem) - 1, path.stat().st_size, now_s)
    if not segment.size_bytes:
        return segment
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for found in headers(data, 0, segment.size_bytes):
            if isinstance(found, Damage):
                segment.damaged += 1
                continue
            segment.last_id = max(segment.last_id, found.id)
            segment.digests.append(found.digest)
            if found.id > stored:
                waiting[found.signal] += found.rows
    return segment


def read(segment: Segment, offset: int, end: int) -> Iterator[tuple[Header, Record | Damage]]:
    """Read the records between two offsets, damaged payloads told as such."""
    if offset >= end:
        return
    with (
        segment.path.open("rb") as file,
        mmap.mmap(file.fileno(), end, access=mmap.ACCESS_READ) as data,
    ):
        for found in headers(data, offset, end):
            if isinstance(found, Header):
                yield found, record_of(data, found)
