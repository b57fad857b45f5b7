"""Blocks as the engine itself writes them: our checksum is held against its files."""

import struct
from pathlib import Path

import lz4.block
from clickhouse_cityhash.cityhash import CityHash128
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_collector.sql.blocks import block


def unpack(data: bytes) -> tuple[bytes, bytes]:
    """Return what the first block holds and what follows it; the checksum must be right."""
    high, low = struct.unpack("<QQ", data[:16])
    method, size, plain_size = struct.unpack("<BII", data[16:25])
    body = data[16 : 16 + size]
    assert CityHash128(body) == (high << 64) + low
    assert method == 0x82
    return lz4.block.decompress(body[9:], uncompressed_size=plain_size), data[16 + size :]


@given(st.binary(max_size=300))
def test_a_block_holds_what_was_put_in(data: bytes) -> None:
    assert unpack(block(data)) == (data, b"")


def test_checksums_are_those_the_engine_writes_into_its_own_files(migrated_folder: Path) -> None:
    checked = 0
    for file in migrated_folder.glob("store/**/all_*/*.bin"):
        data = file.read_bytes()
        high, low = struct.unpack("<QQ", data[:16])
        (size,) = struct.unpack("<I", data[17:21])
        if len(data) >= 16 + size:
            assert CityHash128(data[16 : 16 + size]) == (high << 64) + low
            checked += 1
    assert checked
