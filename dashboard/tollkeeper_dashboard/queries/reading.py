"""Cells of an answer as the types they are; a cell that is none of them is a bug, said at once."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal


def text(cell: object) -> str:
    """Return a string; fixed strings arrive as bytes padded with zeros."""
    if isinstance(cell, bytes):
        return cell.rstrip(b"\0").decode("utf-8", "replace")
    return str(cell)


def whole(cell: object) -> int:
    if isinstance(cell, bool | int | float | Decimal):
        return int(cell)
    raise TypeError(f"a number was expected, not {type(cell).__name__}")


def decimal(cell: object) -> Decimal:
    if isinstance(cell, Decimal | int):
        return Decimal(cell)
    raise TypeError(f"an exact number was expected, not {type(cell).__name__}")


def price(cell: object) -> Decimal | None:
    """Return an amount, None where nobody knows it."""
    return None if cell is None else decimal(cell)


def number(cell: object) -> float | None:
    """Return a measured value, None for that of nothing: a quantile of no rows is NaN."""
    value = float(cell) if isinstance(cell, int | float) else float("nan")
    return None if math.isnan(value) else value


def moment(cell: object) -> datetime:
    """Return a time in UTC; ClickHouse sends UTC columns without zone."""
    if not isinstance(cell, datetime):
        raise TypeError(f"a time was expected, not {type(cell).__name__}")
    return cell.replace(tzinfo=UTC) if cell.tzinfo is None else cell.astimezone(UTC)


def items(cell: object) -> list[object]:
    return list(cell) if isinstance(cell, list | tuple) else []


def pairs(cell: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in cell.items()} if isinstance(cell, Mapping) else {}
