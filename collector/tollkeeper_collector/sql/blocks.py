"""ClickHouse's own block compression, which JDBC and Go clients ask for with ``compress=1``.

A block is a checksum of what follows (CityHash128 of version 1.0.2, high half first), then method,
size with this header of nine bytes, size before compression, and LZ4 data.
"""

import struct
from typing import Final

import lz4.block  # type: ignore[import-untyped]  # comes without types
from clickhouse_cityhash.cityhash import CityHash128  # type: ignore[import-untyped]  # the same

LZ4: Final = 0x82
HEADER: Final = struct.Struct("<BII")
CHECKSUM: Final = struct.Struct("<QQ")
HALF: Final = (1 << 64) - 1


def block(data: bytes) -> bytes:
    """Return data as one block."""
    packed: bytes = lz4.block.compress(data, store_size=False)
    body = HEADER.pack(LZ4, HEADER.size + len(packed), len(data)) + packed
    checksum: int = CityHash128(body)
    return CHECKSUM.pack(checksum >> 64, checksum & HALF) + body
