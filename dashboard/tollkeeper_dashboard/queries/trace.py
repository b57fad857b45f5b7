"""Everything of one trace: its spans, and what was said in one of its calls."""

from dataclasses import dataclass
from typing import Final

from tollkeeper_dashboard.client import Asks, Row
from tollkeeper_dashboard.queries.reading import items, pairs, text, whole

MOST_SPANS: Final = 2_000
MOST_MESSAGES: Final = 500
HEX_DIGITS: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Event:
    """Something noted on a span, at its own time."""

    at_ns: int
    name: str
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True)
class Span:
    """One span as it was stored; times in nanoseconds."""

    span_id: str
    parent_id: str
    name: str
    kind: str
    service: str
    scope: str
    tenant: str
    start_ns: int
    duration_ns: int
    is_error: bool
    status_message: str
    attributes: dict[str, str]
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a call; ``content`` is the stored JSON, None when it is kept no longer."""

    kind: str
    role: str
    content: str | None
    size_bytes: int


def is_trace_id(candidate: str) -> bool:
    return len(candidate) == 32 and set(candidate) <= HEX_DIGITS


def spans(store: Asks, trace_id: str) -> list[Span]:
    """Return the spans of a trace, each once, by their start; at most MOST_SPANS and one more."""
    sql = (
        "WITH (SELECT (min(Start), max(End)) FROM otel.otel_traces_trace_id_ts "
        "WHERE TraceId = {trace_id:String}) AS lifetime "
        "SELECT SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ScopeName, TenantId, "
        "toUnixTimestamp64Nano(Timestamp) AS start_ns, Duration, StatusCode, StatusMessage, "
        "SpanAttributes, Events.Name AS names, Events.Attributes AS details, "
        "arrayMap(t -> toUnixTimestamp64Nano(t), Events.Timestamp) AS times "
        "FROM otel.otel_traces WHERE TraceId = {trace_id:String} "
        # A column of fractions compared with whole seconds loses the last one: the engine's index
        # takes "< 12:00:01" for "<= 12:00:00" (ClickHouse 26.9).
        "AND Timestamp >= toDateTime64(lifetime.1, 9) "
        "AND Timestamp < toDateTime64(lifetime.2, 9) + INTERVAL 1 SECOND "
        "ORDER BY Timestamp, SpanId LIMIT 1 BY TenantId, SpanId "
        f"LIMIT {MOST_SPANS + 1}"
    )
    return [_span(row) for row in store.rows(sql, {"trace_id": trace_id})]


def messages(store: Asks, trace_id: str, span_id: str, tenant: str) -> list[Message]:
    """Return what was said in one call, in order; the content may be gone before the call is."""
    sql = (
        "SELECT m.kind_name AS kind, m.role AS role, c.content AS content, "
        "m.size_bytes AS size FROM ("
        "  SELECT tenant_id, toString(kind) AS kind_name, toInt8(kind) AS place, seq, role, "
        "  content_hash, size_bytes, ts FROM otel.llm_call_messages FINAL "
        "  WHERE tenant_id = {tenant:String} AND trace_id = {trace_id:String} "
        "  AND span_id = {span_id:String}) AS m "
        "LEFT JOIN (SELECT content_hash, any(content) AS content FROM otel.llm_content "
        "  WHERE tenant_id = {tenant:String} AND content_hash IN ("
        "    SELECT content_hash FROM otel.llm_call_messages WHERE tenant_id = {tenant:String} "
        "    AND trace_id = {trace_id:String} AND span_id = {span_id:String}) "
        "  GROUP BY content_hash) AS c ON c.content_hash = m.content_hash "
        f"ORDER BY m.place, m.seq LIMIT {MOST_MESSAGES}"
    )
    parameters = {"trace_id": trace_id, "span_id": span_id, "tenant": tenant}
    return [
        Message(
            text(row["kind"]), text(row["role"]), text(row["content"]) or None, whole(row["size"])
        )
        for row in store.rows(sql, parameters)
    ]


def _span(row: Row) -> Span:
    events = zip(items(row["times"]), items(row["names"]), items(row["details"]), strict=True)
    return Span(
        span_id=text(row["SpanId"]),
        parent_id=text(row["ParentSpanId"]),
        name=text(row["SpanName"]),
        kind=text(row["SpanKind"]),
        service=text(row["ServiceName"]),
        scope=text(row["ScopeName"]),
        tenant=text(row["TenantId"]),
        start_ns=whole(row["start_ns"]),
        duration_ns=whole(row["Duration"]),
        is_error=text(row["StatusCode"]) in ("Error", "STATUS_CODE_ERROR"),
        status_message=text(row["StatusMessage"]),
        attributes=pairs(row["SpanAttributes"]),
        events=tuple(Event(whole(at), text(name), pairs(more)) for at, name, more in events),
    )
