"""Questions to the product's SQL port, asked the way anybody would, with patience for the flush.

Rows reach the store a moment after the answer reached the caller; a test waits for what it means
to see and fails with what was there instead.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import clickhouse_connect
from clickhouse_connect.driver.client import Client

Row = dict[str, Any]
PATIENCE_S: Final = 30.0
POLL_S: Final = 0.1


class NotStored(AssertionError):
    """What a test waited for did not come; the message says what was there."""


@dataclass(slots=True)
class Sql:
    """A client of the SQL port with one key."""

    port: int
    key: str
    client: Client | None = None

    def __enter__(self) -> Self:
        self.client = clickhouse_connect.get_client(
            host="127.0.0.1", port=self.port, access_token=self.key, database="otel"
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.client is not None:
            self.client.close()

    def rows(self, question: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Return the rows of a question as dictionaries."""
        if self.client is None:
            raise RuntimeError("use it as a context manager")
        result = self.client.query(question, parameters=dict(parameters or {}))
        return [dict(row) for row in result.named_results()]

    def calls(self, request_ids: Sequence[str], *, columns: str = "*") -> list[Row]:
        """Return the stored calls of these requests as soon as each has one."""
        question = (
            f"SELECT {columns} FROM llm_calls FINAL WHERE request_id IN {{ids:Array(String)}}"
        )
        return self.wait(
            question,
            {"ids": list(request_ids)},
            until=lambda rows: len(rows) >= len(set(request_ids)),
        )

    def wait(
        self,
        question: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        until: Callable[[list[Row]], bool] = bool,
        patience_s: float = PATIENCE_S,
    ) -> list[Row]:
        """Ask again until the rows are what was waited for."""
        deadline = time.monotonic() + patience_s
        while not until(rows := self.rows(question, parameters)):
            if time.monotonic() > deadline:
                raise NotStored(f"{len(rows)} rows after {patience_s} s: {rows[:5]}")
            time.sleep(POLL_S)
        return rows
