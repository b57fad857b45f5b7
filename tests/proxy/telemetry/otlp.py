"""Reads spans as a collector would: OTLP/JSON by OpenTelemetry's own messages to plain values."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_IDS = ("traceId", "spanId", "parentSpanId")


@dataclass(frozen=True, slots=True)
class ReadSpan:
    """One span with its attributes as plain values; ``kind`` and ``status`` by number."""

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: int
    start_unix_ns: int
    end_unix_ns: int
    status: int
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]


def read_spans(body: bytes | str) -> list[ReadSpan]:
    """Return the spans of one export request, whatever resource they are under."""
    request = ParseDict(_with_base64_ids(json.loads(body)), ExportTraceServiceRequest())
    return [
        _read(span, _values(group.resource.attributes))
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def as_request(spans: Sequence[Mapping[str, object]]) -> str:
    """Return an export request that holds just these spans."""
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})


def _read(span: Any, resource: Mapping[str, Any]) -> ReadSpan:
    return ReadSpan(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        span.kind,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.status.code,
        _values(span.attributes),
        resource,
    )


def _values(attributes: Any) -> dict[str, Any]:
    read = {each.key: _value(each.value) for each in attributes}
    assert len(read) == len(attributes), "an attribute was given twice"
    return read


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)


def _with_base64_ids(node: Any) -> Any:
    """OTLP/JSON writes ids in hex where protobuf's own JSON has base64."""
    if isinstance(node, list):
        return [_with_base64_ids(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: base64.b64encode(bytes.fromhex(value)).decode()
        if key in _IDS
        else _with_base64_ids(value)
        for key, value in node.items()
    }
