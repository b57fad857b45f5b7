"""What a driver's exception means for a block: wait and send it again, or never again.

Only errors that the rows themselves cause are permanent. Whatever is unknown is worth waiting for:
an outage must not empty the journal into the dead-letter file.
"""

from typing import Final

from clickhouse_connect.driver.exceptions import DataError, Error

from tollkeeper_collector.store import StoreRefused, StoreUnavailable

# ClickHouse's ErrorCodes.cpp: a value that does not parse, convert or fit its column.
ROWS_AT_FAULT: Final = frozenset(
    (6, 26, 27, 32, 36, 38, 41, 43, 44, 53, 69, 70, 72, 117, 128, 131, 321, 349, 407, 691)
)
TOO_MANY_PARTS: Final = 252  # also: too many partitions for one block, which halving cures
PARTITIONS: Final = "partitions for single INSERT block"


def meaning(failure: Exception) -> StoreRefused | StoreUnavailable:
    """Return what to raise instead of whatever an insert raised."""
    code = getattr(failure, "code", None)
    said = first_line(failure)
    if code == TOO_MANY_PARTS and PARTITIONS in str(failure):
        return StoreRefused(said)
    if code in ROWS_AT_FAULT or isinstance(failure, DataError):
        return StoreRefused(said)
    if isinstance(failure, Error | OSError | RuntimeError):
        return StoreUnavailable(said)
    # A value that Python itself could not pack into its column: TypeError, struct.error and such.
    return StoreRefused(said)


def first_line(failure: Exception) -> str:
    """Return the first line of what was said, short enough for a log."""
    lines = str(failure).strip().splitlines() or [type(failure).__name__]
    return lines[0][:500]
