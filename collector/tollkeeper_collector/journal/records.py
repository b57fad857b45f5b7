"""How records lie in a journal file: entries in, framed bytes out, and back again.

Header and payload have checksums of their own. A bad payload costs its record, because the header
says where the next one starts; a bad header costs what lies before the next good one.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

MAGIC: Final = b"TKJ\x01"  # the last byte is the format; JSON payloads cannot contain it
_HEADER: Final = struct.Struct("<4sBxxxIIQ16sI")  # magic, signal, length, rows, id, digest, crc
_CHECK: Final = struct.Struct("<I")
HEADER_BYTES: Final = _HEADER.size + _CHECK.size


class Entry(NamedTuple):
    """What is appended: rows of one signal, and the digest of the request they came in."""

    signal: int
    rows: int
    digest: bytes  # 16 bytes
    payload: bytes


class Record(NamedTuple):
    """An entry with the number it got."""

    id: int
    entry: Entry


class Header(NamedTuple):
    """A record without its payload."""

    id: int
    signal: int
    rows: int
    digest: bytes
    start: int  # of the payload, in the file
    length: int
    payload_crc: int

    @property
    def end(self) -> int:
        """Where the next record starts."""
        return self.start + self.length


class Damage(NamedTuple):
    """Bytes that are not a record; ``rows`` is how many were lost, 0 when nobody can tell."""

    rows: int
    signal: int
    end: int


class Bytes(Protocol):
    """A bytes object or a mapped file."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> bytes: ...
    def find(self, sub: bytes, start: int, /) -> int: ...


def frame(record_id: int, entry: Entry) -> bytes:
    """Return a record as it lies in the file."""
    crc = zlib.crc32(entry.payload)
    header = _HEADER.pack(
        MAGIC, entry.signal, len(entry.payload), entry.rows, record_id, entry.digest, crc
    )
    return header + _CHECK.pack(zlib.crc32(header)) + entry.payload


def header_at(data: Bytes, offset: int) -> Header | None:
    """Return the header at an offset, None when there is no sound one."""
    raw = data[offset : offset + HEADER_BYTES]
    if len(raw) < HEADER_BYTES or raw[:4] != MAGIC:
        return None
    if _CHECK.unpack_from(raw, _HEADER.size)[0] != zlib.crc32(raw[: _HEADER.size]):
        return None
    _, signal, length, rows, record_id, digest, crc = _HEADER.unpack_from(raw)
    return Header(record_id, signal, rows, digest, offset + HEADER_BYTES, length, crc)


def headers(data: Bytes, offset: int, end: int) -> Iterator[Header | Damage]:
    """Walk the headers of whole records; damage is told only where a sound record follows.

    What has no sound record behind it was being written when the process ended.
    """
    while offset < end:
        header = header_at(data, offset)
        if header is not None and header.end <= end:
            yield header
            offset = header.end
        elif (resumed := _next_sound(data, offset + 1, end)) is not None:
            yield Damage(header.rows if header else 0, header.signal if header else 0, resumed)
            offset = resumed
        else:
            return


def record_of(data: Bytes, header: Header) -> Record | Damage:
    """Return the record a header announces, damage when its payload is not what was written."""
    payload = data[header.start : header.end]
    if zlib.crc32(payload) != header.payload_crc:
        return Damage(header.rows, header.signal, header.end)
    return Record(header.id, Entry(header.signal, header.rows, header.digest, payload))


def _next_sound(data: Bytes, offset: int, end: int) -> int | None:
    while 0 <= (offset := data.find(MAGIC, offset)) < end:
        header = header_at(data, offset)
        if header is not None and header.end <= end:
            return offset
        offset += 1
    return None
