"""Log records as rows of ``otel_logs``: decoded groups and their arrival in, chunks out.

Evaluations and feedback arrive this way; the store's views pick them up by event name.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from tollkeeper import semconv
from tollkeeper_collector.chunks import Chunk
from tollkeeper_collector.content import take_from_log
from tollkeeper_collector.otlp.signals import LogGroup, LogRecord
from tollkeeper_collector.rows.arrival import Accepted, Arrival, scope_name, stamped
from tollkeeper_collector.rows.clamp import MAX_NAME, MAX_VALUE, bounded, clamp, drop_long_keys

_COLUMNS: Final = (
    "Timestamp",
    "TraceId",
    "SpanId",
    "TraceFlags",
    "SeverityText",
    "SeverityNumber",
    "Body",
    "LogAttributes",
    "EventName",
)


def log_rows(groups: Iterable[LogGroup], arrival: Arrival) -> Accepted:
    """Return the rows of all acceptable log records."""
    accepted = Accepted()
    for group in groups:
        _add_group(accepted, group, arrival)
    return accepted


def _add_group(accepted: Accepted, group: LogGroup, arrival: Arrival) -> None:
    rows: list[tuple[object, ...]] = []
    for record in group.records:
        time_ns = record.time_ns or record.observed_ns or arrival.at_ns
        if not arrival.earliest_ns <= time_ns <= arrival.latest_ns:
            accepted.rejected["its time is in the future or before the retention"] += 1
        else:
            rows.append(_row(record, time_ns, arrival.keeps_content))
    if not rows:
        return
    columns = dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True))
    accepted.rows += len(rows)
    accepted.chunks.append(Chunk("otel_logs", len(rows), _shared(group, arrival), columns))


def _shared(group: LogGroup, arrival: Arrival) -> dict[str, object]:
    resource = stamped(group.resource, arrival.identity)
    return {
        "ServiceName": resource.get(semconv.SERVICE_NAME, ""),
        "ResourceSchemaUrl": group.resource_schema_url[:MAX_NAME],
        "ResourceAttributes": resource,
        "ScopeSchemaUrl": group.scope.schema_url[:MAX_NAME],
        "ScopeName": scope_name(group.scope, arrival.identity),
        "ScopeVersion": group.scope.version[:MAX_NAME],
        "ScopeAttributes": bounded(group.scope.attributes, Counter()),
    }


def _row(record: LogRecord, time_ns: int, keep: bool) -> tuple[object, ...]:
    cuts: Counter[str] = Counter()
    record = record._replace(attributes=drop_long_keys(record.attributes, cuts))
    record = take_from_log(record, keep=keep, cuts=cuts)
    attributes = clamp(record.attributes, cuts)
    if len(record.body) > MAX_VALUE:
        cuts["values"] += 1
    if cuts:
        told = ",".join(f"{what}={count}" for what, count in sorted(cuts.items()))
        attributes = {**attributes, semconv.SPAN_CUT: told}
    return (
        time_ns,
        record.trace_id if len(record.trace_id) == 32 else "",
        record.span_id if len(record.span_id) == 16 else "",
        record.flags & 0xFF,  # the W3C flags; the other bits describe the link to the parent
        record.severity_text[:MAX_NAME],
        record.severity_number if 0 <= record.severity_number <= 24 else 0,
        record.body[:MAX_VALUE],
        attributes,
        record.event_name[:MAX_NAME],
    )
