"""What one statement may cost, as values: within a tenant, and for our own components."""

from dataclasses import dataclass
from typing import Final

GIB: Final = 2**30


@dataclass(frozen=True, slots=True)
class Bounds:
    """The engine's limits for one statement; 0 means no limit. Rows and bytes are of the result."""

    time_s: int
    result_rows: int
    result_bytes: int
    memory_bytes: int
    read_bytes: int

    def settings(self) -> dict[str, str | int]:
        """Return these limits as ClickHouse settings."""
        return {
            "max_execution_time": self.time_s,
            "max_result_rows": self.result_rows,
            "max_result_bytes": self.result_bytes,
            "max_memory_usage": self.memory_bytes,
            "max_bytes_to_read": self.read_bytes,
        }


@dataclass(frozen=True, slots=True)
class SqlLimits:
    """What the endpoint as a whole and each statement may take."""

    tenant: Bounds = Bounds(60, 5_000_000, 2 * GIB, 1 * GIB, 64 * GIB)
    system: Bounds = Bounds(3600, 0, 0, 2 * GIB, 0)  # exports read everything, streamed
    concurrent: int = 4  # statements at once; more wait
    wait_s: float = 10.0  # for a free place, then 202 TOO_MANY_SIMULTANEOUS_QUERIES
    stalled_s: float = 60.0  # a reader that takes nothing for so long is cut off
    query_bytes: int = 256 * 1024  # of SQL; ClickHouse's own max_query_size
    buffered_bytes: int = 32 * 1024 * 1024  # held back for wait_end_of_query, then streamed
