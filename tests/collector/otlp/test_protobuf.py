import base64
import json
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.collector.records import recorded

from tollkeeper_collector.errors import MalformedRequest
from tollkeeper_collector.otlp import count_points, decode_logs, decode_traces
from tollkeeper_collector.otlp.inflate import inflate
from tollkeeper_collector.otlp.protobuf import logs, points, traces
from tollkeeper_collector.otlp.signals import SpanGroup

REQUESTS: dict[str, Any] = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}
ID_FIELDS = frozenset({"traceId", "spanId", "parentSpanId"})
CHANGING = frozenset({"url.full", "server.port", "gen_ai.response.time_to_first_chunk"})


def test_every_field_of_a_span_arrives() -> None:
    request = ExportTraceServiceRequest()
    part = request.resource_spans.add(schema_url="resource-schema")
    part.resource.attributes.add(key="service.name").value.string_value = "app"
    scoped = part.scope_spans.add(schema_url="scope-schema")
    scoped.scope.name, scoped.scope.version = "lib", "2"
    span = scoped.spans.add(
        trace_id=b"\x01" * 16,
        span_id=b"\x02" * 8,
        parent_span_id=b"\x03" * 8,
        trace_state="a=b",
        name="n",
        kind=3,
        start_time_unix_nano=10,
        end_time_unix_nano=20,
    )
    span.attributes.add(key="k").value.int_value = 7
    event = span.events.add(time_unix_nano=15, name="e")
    event.attributes.add(key="x").value.bool_value = True
    span.links.add(trace_id=b"\x04" * 16, span_id=b"\x05" * 8, trace_state="c=d")
    span.status.code, span.status.message = 2, "boom"

    [group] = traces(request.SerializeToString())
    [decoded] = group.spans
    assert group.resource == {"service.name": "app"}
    assert group.resource_schema_url == "resource-schema"
    assert group.scope == ("lib", "2", {}, "scope-schema")
    assert decoded == (
        "01" * 16,
        "02" * 8,
        "03" * 8,
        "a=b",
        "n",
        3,
        10,
        20,
        {"k": "7"},
        [(15, "e", {"x": "true"})],
        [("04" * 16, "05" * 8, "c=d", {})],
        2,
        "boom",
    )


def test_every_field_of_a_log_record_arrives() -> None:
    request = ExportLogsServiceRequest()
    record = (
        request.resource_logs.add()
        .scope_logs.add()
        .log_records.add(
            time_unix_nano=1,
            observed_time_unix_nano=2,
            severity_number=9,
            severity_text="INFO",
            trace_id=b"\x01" * 16,
            span_id=b"\x02" * 8,
            flags=257,
            event_name="gen_ai.evaluation.result",
        )
    )
    record.body.string_value = "hello"
    record.attributes.add(key="k").value.double_value = 0.5

    [group] = logs(request.SerializeToString())
    assert group.records == [
        (
            1,
            2,
            "01" * 16,
            "02" * 8,
            257,
            "INFO",
            9,
            "hello",
            {"k": "0.5"},
            "gen_ai.evaluation.result",
        )
    ]


def test_counts_the_points_of_every_kind_of_metric() -> None:
    request = ExportMetricsServiceRequest()
    scoped = request.resource_metrics.add().scope_metrics.add()
    scoped.metrics.add(name="g").gauge.data_points.add()
    scoped.metrics.add(name="s").sum.data_points.add()
    histogram = scoped.metrics.add(name="h").histogram
    histogram.data_points.add()
    histogram.data_points.add()
    scoped.metrics.add(name="empty")
    assert points(request.SerializeToString()) == 4


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"\x0a\x05\x01",
        b"\x0a\x0c\x12\x0a\x12\x08\x2a\x06\xff\xfe\xfd\xfc\xfb\xfa",  # a name that is not UTF-8
        b"\x08\x01\x0f",
    ],
)
def test_refuses_what_is_not_a_request(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        traces(body)


def test_passes_over_fields_it_does_not_know() -> None:
    assert traces(b"\xf2\x06\x03abc") == []


@pytest.mark.shared
def test_every_recorded_body_decodes() -> None:
    decoded = 0
    for body in recorded():
        plain = inflate(body.path.read_bytes(), body.coding, 2**26)
        if body.signal == "traces":
            decoded += sum(len(group.spans) for group in decode_traces(plain, body.encoding))
        elif body.signal == "logs":
            decoded += sum(len(group.records) for group in decode_logs(plain, body.encoding))
        else:
            decoded += count_points(plain, body.encoding)
    assert decoded > 4000


@pytest.mark.shared
def test_recorded_bodies_decode_to_the_same_from_either_encoding() -> None:
    twins = 0
    for body in recorded():
        if body.encoding == "protobuf" and body.signal != "metrics":
            plain = inflate(body.path.read_bytes(), body.coding, 2**26)
            decode = decode_traces if body.signal == "traces" else decode_logs
            kind = REQUESTS[body.signal]
            assert decode(plain, "protobuf") == decode(as_json(kind.FromString(plain)), "json")
            twins += 1
    assert twins > 300


@pytest.mark.shared
def test_what_two_exporters_recorded_of_the_same_calls_differs_only_by_run() -> None:
    twins = 0
    for body in recorded():
        twin = body.path.with_suffix(".json")
        if body.path.suffix == ".pb" and twin.exists():
            ours = decode_traces(body.path.read_bytes(), "protobuf")
            theirs = decode_traces(twin.read_bytes(), "json")
            assert [steady(group) for group in ours] == [steady(group) for group in theirs]
            twins += 1
    assert twins > 50


def as_json(request: Message) -> bytes:
    """Return a request in OTLP's JSON: Google's, but for hex ids and numbers for enumerations."""
    document = json_format.MessageToDict(request, use_integers_for_enums=True)
    return json.dumps(_with_hex_ids(document)).encode()


def _with_hex_ids(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_hex_ids(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: base64.b64decode(value).hex() if key in ID_FIELDS else _with_hex_ids(value)
        for key, value in node.items()
    }


def steady(group: SpanGroup) -> object:
    """Return what does not change from run to run of the same program."""
    return group.scope, [
        (
            span.name,
            span.kind,
            span.status_code,
            {k: v for k, v in span.attributes.items() if k not in CHANGING},
            [(event.name, event.attributes) for event in span.events if event.name != "exception"],
        )
        for span in group.spans
    ]
