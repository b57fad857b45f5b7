"""Which calls are exported, as values: a stretch of time cut into days, and filters.

The stretch is half open: from its first instant up to, not including, its last.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tollkeeper.errors import UseError
from tollkeeper_collector.exports.columns import CALLS


@dataclass(frozen=True, slots=True)
class Selection:
    """A stretch of time and what the calls in it must have; "" asks for nothing."""

    start: datetime
    end: datetime
    model: str = ""
    key_name: str = ""
    user: str = ""

    def filters(self) -> dict[str, str]:
        """Return the filters that were asked for, by name."""
        asked = {"model": self.model, "key_name": self.key_name, "user": self.user}
        return {name: value for name, value in asked.items() if value}

    def queries(self) -> "Iterator[Query]":
        """Yield one question per UTC day, in order: sorting a day fits into memory, a year not."""
        day = self.start
        while day < self.end:
            midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
            following = min(self.end, midnight + timedelta(days=1))
            yield self._query(day, following)
            day = following

    def _query(self, start: datetime, end: datetime) -> "Query":
        conditions = ["ts >= {start:DateTime64(6, 'UTC')}", "ts < {end:DateTime64(6, 'UTC')}"]
        parameters = {"start": _plain(start), "end": _plain(end), **self.filters()}
        if self.model:
            conditions.append("(request_model = {model:String} OR response_model = {model:String})")
        if self.key_name:
            conditions.append("key_name = {key_name:String}")
        if self.user:
            conditions.append("user_id = {user:String}")
        columns = ", ".join(column.sql for column in CALLS)
        return Query(
            f"SELECT {columns} FROM otel.llm_calls FINAL WHERE {' AND '.join(conditions)}"
            " ORDER BY llm_calls.ts, llm_calls.tenant_id, llm_calls.trace_id, llm_calls.span_id",
            parameters,
        )


@dataclass(frozen=True, slots=True)
class Query:
    """A statement for the SQL port and its parameters."""

    sql: str
    parameters: dict[str, str] = field(default_factory=dict)


def selection(
    start: str, end: str, *, model: str = "", key_name: str = "", user: str = ""
) -> Selection:
    """Return what the command line asks for; UseError for a time that is none or runs backwards."""
    chosen = Selection(_instant("--from", start), _instant("--to", end), model, key_name, user)
    if chosen.start >= chosen.end:
        raise UseError("--to must be later than --from; it is not part of the range itself")
    return chosen


def _instant(option: str, text: str) -> datetime:
    """Read a day or an instant; without a zone it is UTC."""
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=instant.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        message = f"{option}: '{text}' is no day such as 2026-11-01, and no ISO 8601 instant"
        raise UseError(message) from None


def _plain(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M:%S.%f")
