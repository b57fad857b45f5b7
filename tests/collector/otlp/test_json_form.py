import json
from typing import Any

import pytest

from tollkeeper_collector.errors import MalformedRequest
from tollkeeper_collector.otlp.json_form import logs, points, traces


def trace_json(**fields: Any) -> bytes:
    span = {"traceId": "01" * 16, "spanId": "02" * 8, "name": "n", **fields}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def test_ids_are_hex_of_either_case() -> None:
    [group] = traces(trace_json(traceId="AB" * 16, parentSpanId="CD" * 8))
    assert group.spans[0].trace_id == "ab" * 16
    assert group.spans[0].parent_span_id == "cd" * 8


@pytest.mark.parametrize("bad", ["AAAAAAAAAAAAAAAAAAAAAA==", "zz" * 16])
def test_an_id_that_is_not_hex_is_no_id(bad: str) -> None:
    [group] = traces(trace_json(traceId=bad))
    assert group.spans[0].trace_id == ""


def test_times_come_as_strings_or_numbers() -> None:
    body = trace_json(startTimeUnixNano="1544712660000000000", endTimeUnixNano=1544712661000000000)
    [group] = traces(body)
    assert group.spans[0].start_ns == 1544712660000000000
    assert group.spans[0].end_ns == 1544712661000000000


def test_unknown_fields_are_ignored_everywhere() -> None:
    body = trace_json(
        future=1, attributes=[{"key": "a", "value": {"new": 1}, "x": 2}], status={"z": 1}
    )
    [group] = traces(body)
    assert group.spans[0].attributes == {"a": ""}


def test_nulls_are_absent_fields() -> None:
    body = trace_json(attributes=None, events=None, links=None, status=None, kind=None)
    [group] = traces(body)
    assert group.spans[0].kind == 0


def test_logs_and_metrics_are_read_too() -> None:
    record = {"timeUnixNano": "5", "body": {"stringValue": "b"}, "eventName": "e", "flags": 1}
    [group] = logs(
        json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
    )
    assert group.records[0].body == "b"
    metric = {"name": "m", "sum": {"dataPoints": [{}, {}]}}
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    assert points(json.dumps(body).encode()) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b'{"resourceSpans": 5}',
        b'{"resourceSpans": [5]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": ["x"]}]}]}',
        b'{"resourceSpans": [{"resource": {"attributes": ["x"]}, "scopeSpans": []}]}',
        b'{"resourceSpans": [{"resource": {"attributes": [{"key": "a", "value": "x"}]}}]}',
        b"\xef\xbb\xbf{}",
        b'{"a": "\\ud800"}',
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    ],
)
def test_refuses_what_is_not_a_request(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        traces(body)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": 5},
        {"kind": "SPAN_KIND_CLIENT"},
        {"startTimeUnixNano": "soon"},
        {"traceId": 5},
        {"attributes": [{"key": "a", "value": {"arrayValue": {"values": [5]}}}]},
        {"events": [5]},
        {"links": "x"},
    ],
)
def test_refuses_a_span_with_fields_of_the_wrong_type(fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedRequest):
        traces(trace_json(**fields))
