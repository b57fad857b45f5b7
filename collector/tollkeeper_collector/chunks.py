"""Accepted rows on their way: chunks in, journal payloads and store blocks out.

A payload holds rows that are already stamped, cleaned and cut, so replaying it needs no decoder,
no clock and no setting: the same payloads always make the same blocks with the same tokens.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from tollkeeper_collector.store import Block

FORMAT: Final = 1  # of payloads; a reader refuses what it does not know
# What counts as a record for the loss ledger; other tables are derived from these
COUNTED_TABLES: Final = ("otel_traces", "otel_logs")


class UnknownPayload(Exception):
    """A payload of another format, or none of ours."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of one table: the values all of them share, and one sequence per other column."""

    table: str
    rows: int
    shared: Mapping[str, object]
    columns: Mapping[str, Sequence[object]]


def encode(chunks: Sequence[Chunk]) -> bytes:
    """Return chunks as a journal payload."""
    body = [[c.table, c.rows, c.shared, c.columns] for c in chunks]
    return orjson.dumps([FORMAT, body])


def decode(payload: bytes) -> list[Chunk]:
    """Return the chunks of a journal payload; raise UnknownPayload."""
    try:
        version, body = orjson.loads(payload)
        if version != FORMAT:
            raise UnknownPayload(f"payload format {version!r}, this version reads {FORMAT}")
        return [Chunk(table, rows, shared, columns) for table, rows, shared, columns in body]
    except (ValueError, TypeError) as error:
        raise UnknownPayload(f"not a payload: {error}") from None


def blocks(payloads: Sequence[bytes]) -> list[Block]:
    """Return one block per table that the payloads have rows for; raise UnknownPayload."""
    seal = hashlib.sha256(b"".join(hashlib.sha256(payload).digest() for payload in payloads))
    tables: dict[str, list[Chunk]] = {}
    for payload in payloads:
        for chunk in decode(payload):
            tables.setdefault(chunk.table, []).append(chunk)
    return [_block(table, chunks, seal.hexdigest()) for table, chunks in tables.items()]


def part(block: Block, start: int, stop: int) -> Block:
    """Return some rows of a block as a block of its own."""
    return Block(
        block.table,
        block.columns,
        tuple(column[start:stop] for column in block.data),
        f"{block.token}:{start}-{stop}",
    )


def row_count(block: Block) -> int:
    """Return how many rows a block has."""
    return len(block.data[0]) if block.data else 0


def _block(table: str, chunks: Sequence[Chunk], seal: str) -> Block:
    names = tuple(chunks[0].shared) + tuple(chunks[0].columns)
    data = tuple(_column(name, chunks) for name in names)
    return Block(table, names, data, f"{table}-{seal}")


def _column(name: str, chunks: Iterable[Chunk]) -> Sequence[object]:
    values: list[object] = []
    for chunk in chunks:
        if name in chunk.shared:
            values += [chunk.shared[name]] * chunk.rows
        else:
            values += chunk.columns[name]
    return values
