"""How long each kind of row is kept, as values in and TTL statements out.

Partitions are days (sums: months and years), and a part is dropped whole once all of it is over.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tollkeeper_collector.store.tenancy import DATABASE


@dataclass(frozen=True, slots=True)
class Retention:
    """Days to keep: what was said, spans and logs, typed calls, scores and sums."""

    content_days: int = 14
    spans_days: int = 30
    calls_days: int = 90
    scores_days: int = 400
    hourly_days: int = 400
    daily_days: int = 1200


# Table, the expression its TTL counts from, the field that says how long.
CLOCKS: Final = (
    ("llm_content", "day", "content_days"),
    ("llm_call_messages", "toDate(ts)", "content_days"),
    ("otel_traces", "toDate(Timestamp)", "spans_days"),
    ("otel_traces_trace_id_ts", "toDate(Start)", "spans_days"),
    ("otel_logs", "toDate(Timestamp)", "spans_days"),
    ("llm_calls", "toDate(ts)", "calls_days"),
    ("llm_evaluations", "toDate(ts)", "scores_days"),
    ("llm_usage_hourly", "toDate(hour)", "hourly_days"),
    ("llm_usage_daily", "toDate(hour)", "daily_days"),
)
KEPT_DAYS: Final = re.compile(r"\bTTL .*? \+ (?:toIntervalDay\((\d+)\)|INTERVAL (\d+) DAY)")


def ttl_changes(wanted: Retention, definitions: Mapping[str, str]) -> Iterator[str]:
    """Yield a statement per table whose definition keeps rows for another number of days."""
    for table, since, field in CLOCKS:
        days = getattr(wanted, field)
        if table in definitions and kept_days(definitions[table]) != days:
            yield f"ALTER TABLE {DATABASE}.{table} MODIFY TTL {since} + INTERVAL {days} DAY"


def kept_days(definition: str) -> int | None:
    """Return the days a CREATE statement keeps its rows; None when it says nothing of the kind."""
    match = KEPT_DAYS.search(definition)
    return int(match.group(1) or match.group(2)) if match else None
