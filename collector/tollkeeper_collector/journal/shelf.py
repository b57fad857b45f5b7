"""The journal's files in order: groups written to the newest, the oldest dropped once stored.

Written by one thread, read by others. Whatever goes wrong while writing, what is committed stays
as it is: the file is cut back to it and never written to again.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from tollkeeper_collector.errors import JournalUnavailable
from tollkeeper_collector.journal.mark import Mark
from tollkeeper_collector.journal.records import Entry, frame
from tollkeeper_collector.journal.segment import SUFFIX, Segment, create, recover

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class JournalLimits:
    """How much the journal may hold and for how long."""

    total_bytes: int = 1024 * MIB
    segment_bytes: int = 64 * MIB
    group_bytes: int = 16 * MIB  # written and synced at once
    keep_stored_s: float = 600.0  # stored records recognise resent requests until then


class Shelf:
    """The segments of one folder."""

    def __init__(
        self, folder: Path, limits: JournalLimits, mark: Mark, clock: Callable[[], float]
    ) -> None:
        self._folder, self._limits, self._clock = folder, limits, clock
        self._lock = Lock()
        self._descriptor: int | None = None  # of the last segment, while it may grow
        self.waiting: Counter[int] = Counter()  # rows not stored, by signal, found at the start
        found = sorted(folder.glob(f"*{SUFFIX}"))
        self._segments = [recover(path, mark.stored, clock(), self.waiting) for path in found]
        # Places in recovered files where no record could be made out any more
        self.damaged = sum(segment.damaged for segment in self._segments)
        last_ids = [segment.last_id for segment in self._segments]
        self._next_id = max([*mark, *last_ids]) + 1

    @property
    def size_bytes(self) -> int:
        """Committed bytes in all segments."""
        with self._lock:
            return sum(segment.size_bytes for segment in self._segments)

    def digests(self) -> Iterator[bytes]:
        """The digests of all recovered records."""
        for segment in self._segments:
            yield from segment.digests

    def extents(self) -> list[tuple[Segment, int]]:
        """Return the segments with their committed ends, oldest first."""
        with self._lock:
            return [(segment, segment.size_bytes) for segment in self._segments]

    def write(self, entries: Sequence[Entry]) -> int:
        """Make a group durable; return the last record's number.

        Raises:
            JournalUnavailable: the journal is full, or the disk did not take the group.
        """
        first_id = self._next_id
        self._next_id += len(entries)  # never given twice, not even after a failure
        data = b"".join(frame(first_id + n, entry) for n, entry in enumerate(entries))
        if self.size_bytes + len(data) > self._limits.total_bytes:
            raise JournalUnavailable("the journal is full: the store has been away for long")
        try:
            segment, descriptor = self._writable(first_id)
            _write_synced(descriptor, data, segment.size_bytes)
        except OSError as error:
            self.seal(cut=True)
            raise JournalUnavailable(f"the journal cannot be written: {error.strerror}") from error
        with self._lock:
            segment.size_bytes += len(data)
            segment.last_id = first_id + len(entries) - 1
        return segment.last_id

    def seal(self, *, cut: bool = False) -> None:
        """Write no more to the last segment; ``cut`` removes what is not committed from it."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        segment = self._segments[-1]
        try:
            if cut:
                os.ftruncate(descriptor, segment.size_bytes)
        except OSError:  # readers stop at the committed end, a restart at the torn record
            self.damaged += 1
        finally:
            os.close(descriptor)
        if not segment.size_bytes:
            self._remove([segment])

    def discard(self, stored: int) -> None:
        """Drop segments whose records are all stored, but for the last ones of late."""
        oldest = self._clock() - self._limits.keep_stored_s
        with self._lock:
            sealed = self._segments if self._descriptor is None else self._segments[:-1]
            done = [segment for segment in sealed if segment.last_id <= stored]
        crowded = self.size_bytes > self._limits.total_bytes // 2
        self._remove(
            [
                segment
                for segment in done
                if crowded or segment.born_s < oldest or segment is not done[-1]
            ]
        )

    def seal_if_old(self) -> None:
        """Let go of a segment that has grown old, so that stored content does not linger in it."""
        if self._descriptor is not None:
            age_s = self._clock() - self._segments[-1].born_s
            if age_s > self._limits.keep_stored_s:
                self.seal()

    def _writable(self, first_id: int) -> tuple[Segment, int]:
        if self._descriptor is not None:
            if self._segments[-1].size_bytes < self._limits.segment_bytes:
                return self._segments[-1], self._descriptor
            self.seal()
        segment, descriptor = create(self._folder, first_id, self._clock())
        with self._lock:
            self._segments.append(segment)
            self._descriptor = descriptor
        return segment, descriptor

    def _remove(self, segments: Sequence[Segment]) -> None:
        with self._lock:
            for segment in segments:
                segment.path.unlink(missing_ok=True)
                if segment in self._segments:
                    self._segments.remove(segment)


def _write_synced(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
    os.fdatasync(descriptor)
