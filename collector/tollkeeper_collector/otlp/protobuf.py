"""OTLP requests in protobuf: bytes in, groups of plain values out.

The loops are written out: a field of an upb message costs as much as a function call, and there
are some forty per span.
"""

from typing import TypeVar, cast

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

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
from tollkeeper_collector.otlp.values import Proto, any_text, pairs_text

M = TypeVar("M", bound=Message)


def traces(body: bytes) -> list[SpanGroup]:
    """Decode an ExportTraceServiceRequest."""
    request = _parsed(ExportTraceServiceRequest, body)
    return [
        SpanGroup(resource, part.schema_url, _scope(scoped), [_span(span) for span in scoped.spans])
        for part in request.resource_spans
        for resource in (pairs_text(part.resource.attributes),)
        for scoped in part.scope_spans
    ]


def logs(body: bytes) -> list[LogGroup]:
    """Decode an ExportLogsServiceRequest."""
    request = _parsed(ExportLogsServiceRequest, body)
    return [
        LogGroup(
            resource,
            part.schema_url,
            _scope(scoped),
            [_log(record) for record in scoped.log_records],
        )
        for part in request.resource_logs
        for resource in (pairs_text(part.resource.attributes),)
        for scoped in part.scope_logs
    ]


def points(body: bytes) -> int:
    """Count the data points of an ExportMetricsServiceRequest."""
    request = _parsed(ExportMetricsServiceRequest, body)
    return sum(
        len(getattr(metric, kind).data_points)
        for part in request.resource_metrics
        for scoped in part.scope_metrics
        for metric in scoped.metrics
        for kind in (metric.WhichOneof("data"),)
        if kind
    )


def _parsed(kind: type[M], body: bytes) -> M:
    try:
        return cast(M, kind.FromString(body))
    except DecodeError as error:
        raise MalformedRequest(f"not a protobuf {kind.DESCRIPTOR.name}: {error}") from None


def _scope(scoped: Proto) -> Scope:
    scope = scoped.scope
    return Scope(scope.name, scope.version, pairs_text(scope.attributes), scoped.schema_url)


def _span(span: Proto) -> Span:
    status = span.status
    return Span(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.trace_state,
        span.name,
        span.kind,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        pairs_text(span.attributes),
        [_event(event) for event in span.events],
        [_link(link) for link in span.links],
        status.code,
        status.message,
    )


def _event(event: Proto) -> Event:
    return Event(event.time_unix_nano, event.name, pairs_text(event.attributes))


def _link(link: Proto) -> Link:
    return Link(
        link.trace_id.hex(), link.span_id.hex(), link.trace_state, pairs_text(link.attributes)
    )


def _log(record: Proto) -> LogRecord:
    return LogRecord(
        record.time_unix_nano,
        record.observed_time_unix_nano,
        record.trace_id.hex(),
        record.span_id.hex(),
        record.flags,
        record.severity_text,
        record.severity_number,
        any_text(record.body),
        pairs_text(record.attributes),
        record.event_name,
    )
