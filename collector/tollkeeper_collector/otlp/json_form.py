"""OTLP requests in JSON: bytes in, groups of plain values out.

As the specification wants it: hex ids, 64-bit integers as strings or numbers, lowerCamelCase
names, enumerations as integers, unknown fields ignored.
"""

from collections.abc import Callable
from typing import TypeVar

import orjson

from tollkeeper_collector.errors import MalformedRequest
from tollkeeper_collector.otlp.signals import (
    Event,
    Link,
    LogGroup,
    LogRecord,
    Scope,
    Span,
    SpanGroup,
)
from tollkeeper_collector.otlp.values import Json, json_any_text, json_pairs_text, whole

T = TypeVar("T")


def traces(body: bytes) -> list[SpanGroup]:
    """Decode an ExportTraceServiceRequest."""
    return _decoded(body, _trace_groups)


def logs(body: bytes) -> list[LogGroup]:
    """Decode an ExportLogsServiceRequest."""
    return _decoded(body, _log_groups)


def points(body: bytes) -> int:
    """Count the data points of an ExportMetricsServiceRequest."""
    return _decoded(body, _points)


def _decoded(body: bytes, read: Callable[[Json], T]) -> T:
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"not JSON: {error}") from None
    if type(request) is not dict:
        raise MalformedRequest("the request must be a JSON object")
    try:
        return read(request)
    except (AttributeError, TypeError) as error:  # a list where an object belongs, and the like
        raise MalformedRequest(f"not the shape of an OTLP request: {error}") from None


def _trace_groups(request: Json) -> list[SpanGroup]:
    return [
        SpanGroup(
            resource,
            _text(part, "schemaUrl"),
            _scope(scoped),
            [_span(span) for span in scoped.get("spans") or ()],
        )
        for part in request.get("resourceSpans") or ()
        for resource in (_resource(part),)
        for scoped in part.get("scopeSpans") or ()
    ]


def _log_groups(request: Json) -> list[LogGroup]:
    return [
        LogGroup(
            resource,
            _text(part, "schemaUrl"),
            _scope(scoped),
            [_log(record) for record in scoped.get("logRecords") or ()],
        )
        for part in request.get("resourceLogs") or ()
        for resource in (_resource(part),)
        for scoped in part.get("scopeLogs") or ()
    ]


def _points(request: Json) -> int:
    return sum(
        len(data.get("dataPoints") or ())
        for part in request.get("resourceMetrics") or ()
        for scoped in part.get("scopeMetrics") or ()
        for metric in scoped.get("metrics") or ()
        for data in metric.values()
        if type(data) is dict
    )


def _resource(part: Json) -> dict[str, str]:
    return json_pairs_text((part.get("resource") or {}).get("attributes") or ())


def _scope(scoped: Json) -> Scope:
    scope = scoped.get("scope") or {}
    return Scope(
        _text(scope, "name"),
        _text(scope, "version"),
        json_pairs_text(scope.get("attributes") or ()),
        _text(scoped, "schemaUrl"),
    )


def _span(span: Json) -> Span:
    get = span.get
    status = get("status") or {}
    return Span(
        _hex(get("traceId")),
        _hex(get("spanId")),
        _hex(get("parentSpanId")),
        _text(span, "traceState"),
        _text(span, "name"),
        whole(get("kind") or 0),
        whole(get("startTimeUnixNano") or 0),
        whole(get("endTimeUnixNano") or 0),
        json_pairs_text(get("attributes") or ()),
        [_event(event) for event in get("events") or ()],
        [_link(link) for link in get("links") or ()],
        whole(status.get("code") or 0),
        _text(status, "message"),
    )


def _event(event: Json) -> Event:
    return Event(
        whole(event.get("timeUnixNano") or 0),
        _text(event, "name"),
        json_pairs_text(event.get("attributes") or ()),
    )


def _link(link: Json) -> Link:
    return Link(
        _hex(link.get("traceId")),
        _hex(link.get("spanId")),
        _text(link, "traceState"),
        json_pairs_text(link.get("attributes") or ()),
    )


def _log(record: Json) -> LogRecord:
    get = record.get
    return LogRecord(
        whole(get("timeUnixNano") or 0),
        whole(get("observedTimeUnixNano") or 0),
        _hex(get("traceId")),
        _hex(get("spanId")),
        whole(get("flags") or 0),
        _text(record, "severityText"),
        whole(get("severityNumber") or 0),
        json_any_text(get("body")),
        json_pairs_text(get("attributes") or ()),
        _text(record, "eventName"),
    )


def _text(holder: Json, name: str) -> str:
    value = holder.get(name) or ""
    if type(value) is not str:
        raise MalformedRequest(f"{name} must be a string")
    return value


def _hex(value: Json) -> str:
    """Return an id in lower-case hex, "" for one that is not hex: its span is then rejected."""
    if not value:
        return ""
    try:
        return bytes.fromhex(value).hex()
    except ValueError:
        return ""
