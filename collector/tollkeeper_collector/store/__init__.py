"""The seam to the analytics store: blocks go in, either kept or refused with a reason.

Above it nobody knows whether ClickHouse runs in this process (chDB) or on a server: a URL decides,
see ``store.opening``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Block", "Store", "StoreRefused", "StoreUnavailable"]


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one table, by column, fixed for good: a retry sends the same bytes."""

    table: str
    columns: tuple[str, ...]
    data: tuple[Sequence[object], ...]  # one sequence per column, equal lengths
    token: str  # insert_deduplication_token: hash of the content


class StoreUnavailable(Exception):
    """The store cannot take it now; retry the identical block, without a time limit."""


class StoreRefused(Exception):
    """The store will never take it; bisect, a single bad row goes to the dead-letter file."""


class Store(Protocol):
    """Where blocks of rows are kept."""

    def insert(self, block: Block) -> None:
        """Keep a block exactly once; raise StoreUnavailable or StoreRefused."""
        ...

    def close(self) -> None: ...
