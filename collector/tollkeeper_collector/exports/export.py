"""One export from beginning to end: read, write, hash, put in place, say in the manifest."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tollkeeper_collector.exports.atomic import Draft, new_file, refuse_existing
from tollkeeper_collector.exports.formats import Format, writer
from tollkeeper_collector.exports.manifest import Written, manifest, manifest_of
from tollkeeper_collector.exports.selection import Selection
from tollkeeper_collector.exports.source import SqlAddress, connect, read


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be written where."""

    chosen: Selection
    file: Path
    file_format: Format
    raw: bool = False
    force: bool = False


def export(order: Order, address: SqlAddress, *, now: datetime) -> Written:
    """Write the file, then its manifest; TollkeeperError in one line when it cannot be done."""
    beside = manifest_of(order.file)
    refuse_existing(order.file, force=order.force)
    refuse_existing(beside, force=order.force)
    with new_file(beside, force=order.force) as note:
        with new_file(order.file, force=order.force) as draft:
            rows = _write_rows(order, address, draft)
        written = Written(rows, draft.sha256, draft.size_bytes)
        text = manifest(
            order.file,
            written,
            chosen=order.chosen,
            file_format=order.file_format,
            raw=order.raw,
            at=now,
        )
        note.write(text.encode())
    return written


def _write_rows(order: Order, address: SqlAddress, draft: Draft) -> int:
    rows = 0
    client = connect(address)
    try:
        writing = writer(order.file_format, draft.as_file(), raw=order.raw)
        for query in order.chosen.queries():
            for block in read(client, address, query):
                writing.write(block)
                rows += len(block[0])
        writing.finish()
    finally:
        client.close()
    return rows
