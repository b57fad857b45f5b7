"""What stands beside an exported file: enough to prove later that it is whole and what it is of."""

import json
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tollkeeper_collector.exports.cells import instant
from tollkeeper_collector.exports.columns import CALLS
from tollkeeper_collector.exports.selection import Selection

SUFFIX: Final = ".manifest.json"


@dataclass(frozen=True, slots=True)
class Written:
    """A file as it was written: rows in it, its SHA-256 in hex, its size."""

    rows: int
    sha256: str
    size_bytes: int


def manifest_of(file: Path) -> Path:
    """Return where the manifest of a file stands."""
    return file.with_name(file.name + SUFFIX)


def manifest(
    file: Path, written: Written, *, chosen: Selection, file_format: str, raw: bool, at: datetime
) -> str:
    """Return the manifest as JSON."""
    said = {
        "file": file.name,
        "format": file_format,
        "formulas_guarded": file_format == "csv" and not raw,
        "rows": written.rows,
        "sha256": written.sha256,
        "size_bytes": written.size_bytes,
        "range": {"from": instant(chosen.start), "to": instant(chosen.end), "to_included": False},
        "filters": chosen.filters(),
        "columns": [{"name": column.name, "type": column.type} for column in CALLS],
        "created_at": instant(at),
        "tool": f"tollkeeper-collector {version('tollkeeper-collector')}",
    }
    return json.dumps(said, ensure_ascii=False, indent=2) + "\n"
