"""Blocks of columns onto a file, in each format; what is written depends on the rows alone."""

import csv
import io
from collections.abc import Callable, Sequence
from datetime import UTC
from typing import IO, Final, Literal, Protocol

import orjson
import pyarrow
import pyarrow.parquet

from tollkeeper_collector.exports.cells import guarded, instant, listed, money
from tollkeeper_collector.exports.columns import CALLS, Column

Block = Sequence[Sequence[object]]  # one sequence per column of CALLS
Format = Literal["csv", "jsonl", "parquet"]

ROWS_PER_GROUP: Final = 50_000  # of a Parquet file; bounds the memory of the writer


class Writer(Protocol):
    """Writes blocks in order; the file is whole after ``finish``."""

    def write(self, block: Block) -> None: ...

    def finish(self) -> None: ...


class CsvWriter:
    """RFC 4180 with a header line; ``raw`` leaves text as it is, formulas and all."""

    def __init__(self, file: IO[bytes], *, raw: bool) -> None:
        self._file = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self._rows = csv.writer(self._file, lineterminator="\r\n")
        self._rows.writerow([column.name for column in CALLS])
        self._cells = [_cell(column, raw) for column in CALLS]

    def write(self, block: Block) -> None:
        cells = [list(map(cell, values)) for cell, values in zip(self._cells, block, strict=True)]
        self._rows.writerows(zip(*cells, strict=True))

    def finish(self) -> None:
        self._file.detach()


class JsonLinesWriter:
    """One JSON object per line; money is text, since a JSON number would be rounded by readers."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, block: Block) -> None:
        names = [column.name for column in CALLS]
        values = [_json_values(c, v) for c, v in zip(CALLS, block, strict=True)]
        for row in zip(*values, strict=True):
            self._file.write(orjson.dumps(dict(zip(names, row, strict=True))) + b"\n")

    def finish(self) -> None:
        self._file.flush()


class ParquetWriter:
    """Typed columns: money as decimal128(18, 12), times as UTC microseconds."""

    def __init__(self, file: IO[bytes]) -> None:
        self._schema = pyarrow.schema([(column.name, _arrow_type(column)) for column in CALLS])
        self._writer = pyarrow.parquet.ParquetWriter(file, self._schema, compression="zstd")

    def write(self, block: Block) -> None:
        arrays = [
            pyarrow.array(_arrow_values(column, values), type=field.type)
            for column, values, field in zip(CALLS, block, self._schema, strict=True)
        ]
        table = pyarrow.Table.from_arrays(arrays, schema=self._schema)
        self._writer.write_table(table, row_group_size=ROWS_PER_GROUP)

    def finish(self) -> None:
        self._writer.close()


def writer(wanted: Format, file: IO[bytes], *, raw: bool) -> Writer:
    """Return the writer of a format; ``raw`` matters to CSV alone, the others are lossless."""
    if wanted == "csv":
        return CsvWriter(file, raw=raw)
    return JsonLinesWriter(file) if wanted == "jsonl" else ParquetWriter(file)


def _cell(column: Column, raw: bool) -> Callable[..., object]:
    plain: dict[str, Callable[..., object]] = {
        "text": str if raw else guarded,
        "texts": listed,
        "time": instant,
        "money": money,
        "number": int,
    }
    return plain[column.kind]


def _json_values(column: Column, values: Sequence[object]) -> Sequence[object]:
    if column.kind in ("time", "money"):
        return list(map(_cell(column, raw=True), values))
    return values


def _arrow_values(column: Column, values: Sequence[object]) -> Sequence[object]:
    if column.kind != "time":
        return values
    return [value.replace(tzinfo=UTC) for value in values]  # type: ignore[attr-defined]  # times


def _arrow_type(column: Column) -> pyarrow.DataType:
    return {
        "text": pyarrow.string(),
        "texts": pyarrow.list_(pyarrow.string()),
        "time": pyarrow.timestamp("us", tz="UTC"),
        "money": pyarrow.decimal128(18, 12),
        "number": pyarrow.uint64(),
    }[column.kind]
