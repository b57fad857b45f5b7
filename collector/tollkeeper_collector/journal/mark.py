"""How far the store has come: two numbers that survive a crash at any moment.

``stored``: everything up to this record is in the store. ``planned``: the batch being inserted
ends here, so a restart sends the same batch again. Two slots are written in turn, each with its
checksum; a torn write leaves the other one.
"""

import os
import struct
import zlib
from pathlib import Path
from typing import Final, NamedTuple

_SLOT: Final = struct.Struct("<4sQQQ")  # magic, sequence, stored, planned
_CHECK: Final = struct.Struct("<I")
_MAGIC: Final = b"TKM\x01"
_STRIDE: Final = 4096  # slots in different disk blocks: one torn write cannot hit both


class Mark(NamedTuple):
    """Where the store is and where the batch under way ends."""

    stored: int = 0
    planned: int = 0


class MarkFile:
    """The file the mark is kept in."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._descriptor).st_size < 2 * _STRIDE:
            os.pwrite(self._descriptor, bytes(2 * _STRIDE), 0)  # later writes need no new space
            os.fsync(self._descriptor)
        self._sequence, self.mark = max(self._read(0), self._read(1))

    def write(self, mark: Mark, *, durable: bool) -> None:
        """Keep the mark; when durable, return only after it is on the disk."""
        sequence = self._sequence + 1
        body = _SLOT.pack(_MAGIC, sequence, mark.stored, mark.planned)
        slot = body + _CHECK.pack(zlib.crc32(body))
        os.pwrite(self._descriptor, slot, (sequence % 2) * _STRIDE)
        if durable:
            os.fdatasync(self._descriptor)
        self._sequence, self.mark = sequence, mark

    def close(self) -> None:
        """Make the last mark durable and let go of the file."""
        os.fdatasync(self._descriptor)
        os.close(self._descriptor)

    def _read(self, slot: int) -> tuple[int, Mark]:
        raw = os.pread(self._descriptor, _SLOT.size + _CHECK.size, slot * _STRIDE)
        if len(raw) < _SLOT.size + _CHECK.size:
            return 0, Mark()
        magic, sequence, stored, planned = _SLOT.unpack_from(raw)
        sound = _CHECK.unpack_from(raw, _SLOT.size)[0] == zlib.crc32(raw[: _SLOT.size])
        if magic != _MAGIC or not sound:
            return 0, Mark()
        return sequence, Mark(stored, planned)
