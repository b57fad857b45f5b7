import json
from typing import Any

import pytest
from tests.collector.records import NOW_NS, SYSTEM, arrival, group, recorded, span

from tollkeeper_collector.chunks import Chunk
from tollkeeper_collector.otlp import decode_traces
from tollkeeper_collector.otlp.inflate import inflate
from tollkeeper_collector.otlp.signals import Event, Link, Scope
from tollkeeper_collector.rows import span_rows
from tollkeeper_collector.rows.arrival import DAY_NS
from tollkeeper_collector.rows.clamp import MAX_EVENTS, MAX_LINKS, MAX_VALUE

STOCK = [
    "Timestamp",
    "TraceId",
    "SpanId",
    "ParentSpanId",
    "TraceState",
    "SpanName",
    "SpanKind",
    "ServiceName",
    "ResourceAttributes",
    "ScopeName",
    "ScopeVersion",
    "SpanAttributes",
    "Duration",
    "StatusCode",
    "StatusMessage",
    "Events.Timestamp",
    "Events.Name",
    "Events.Attributes",
    "Links.TraceId",
    "Links.SpanId",
    "Links.TraceState",
    "Links.Attributes",
]

SAID = (".content", "_content.text", ".messages", "put.value")


def row(chunk: Chunk, number: int = 0) -> dict[str, Any]:
    return dict(chunk.shared) | {name: values[number] for name, values in chunk.columns.items()}


def only_row(**fields: Any) -> dict[str, Any]:
    [chunk] = span_rows([group(span(**fields))], arrival()).chunks
    return row(chunk)


def test_rows_have_the_columns_of_the_stock_exporter() -> None:
    assert sorted(only_row()) == sorted(STOCK)


def test_a_span_is_written_as_the_stock_exporter_writes_it() -> None:
    [chunk] = span_rows(
        [
            group(
                span(
                    kind=2,
                    status_code=2,
                    status_message="boom",
                    parent_span_id="b" * 16,
                    attributes={"a": "1"},
                    events=[Event(NOW_NS, "e", {"x": "y"})],
                    links=[Link("c" * 32, "d" * 16, "s=1", {})],
                ),
                resource={"service.name": "app"},
                scope=Scope("lib", "2", {}, ""),
            )
        ],
        arrival(),
    ).chunks
    assert row(chunk) == {
        "Timestamp": NOW_NS - 1_000_000_000,
        "TraceId": f"{1:032x}",
        "SpanId": f"{1:016x}",
        "ParentSpanId": "b" * 16,
        "TraceState": "",
        "SpanName": "chat",
        "SpanKind": "Server",
        "ServiceName": "app",
        "ResourceAttributes": {"service.name": "app", "tollkeeper.tenant.id": "t1"},
        "ScopeName": "lib",
        "ScopeVersion": "2",
        "SpanAttributes": {"a": "1"},
        "Duration": 1_000_000_000,
        "StatusCode": "Error",
        "StatusMessage": "boom",
        "Events.Timestamp": [NOW_NS],
        "Events.Name": ["e"],
        "Events.Attributes": [{"x": "y"}],
        "Links.TraceId": ["c" * 32],
        "Links.SpanId": ["d" * 16],
        "Links.TraceState": ["s=1"],
        "Links.Attributes": [{}],
    }


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": "ab"}, "trace_id"),
        ({"trace_id": "0" * 32}, "trace_id"),
        ({"span_id": ""}, "span_id"),
        ({"span_id": "0" * 16}, "span_id"),
        ({"start_ns": NOW_NS, "end_ns": NOW_NS - 1}, "ends before"),
        ({"end_ns": NOW_NS + DAY_NS}, "future"),
        ({"start_ns": 2**64 - 1, "end_ns": 2**64 - 1}, "future"),
        ({"start_ns": NOW_NS - 31 * DAY_NS}, "retention"),
        ({"start_ns": 0}, "retention"),
    ],
)
def test_rejects_with_the_reason_and_keeps_the_rest(fields: dict[str, Any], reason: str) -> None:
    accepted = span_rows([group(span(1, **fields), span(2))], arrival())
    assert accepted.rows == 1
    [(told, count)] = accepted.rejected.items()
    assert reason in told
    assert count == 1


def test_accepts_the_odd_but_harmless() -> None:
    seen = only_row(kind=99, status_code=-1, parent_span_id="zz", start_ns=NOW_NS, end_ns=NOW_NS)
    assert (seen["SpanKind"], seen["StatusCode"]) == ("Unspecified", "Unset")
    assert (seen["ParentSpanId"], seen["Duration"]) == ("", 0)
    assert only_row(parent_span_id="0" * 16)["ParentSpanId"] == ""


def test_what_is_cut_is_told_on_the_span() -> None:
    seen = only_row(
        attributes={"big": "x" * (MAX_VALUE + 1), "k" * 600: "", "input.value": "said"},
        events=[Event(NOW_NS, "e", {})] * (MAX_EVENTS + 2),
        links=[Link("", "", "", {})] * (MAX_LINKS + 1),
    )
    assert len(seen["Events.Name"]) == MAX_EVENTS
    assert len(seen["Links.SpanId"]) == MAX_LINKS
    cut = seen["SpanAttributes"].pop("tollkeeper.span.cut")
    assert cut == "attributes=1,content=1,events=2,links=1,values=1"
    assert seen["SpanAttributes"] == {"big": "x" * MAX_VALUE}


def test_an_events_impossible_time_becomes_the_spans() -> None:
    seen = only_row(events=[Event(2**64 - 1, "e", {})])
    assert seen["Events.Timestamp"] == [NOW_NS - 1_000_000_000]


def test_content_of_our_own_proxy_goes_to_tables_of_its_own() -> None:
    messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "x" * 99_999}]}])
    sent = group(
        span(attributes={"gen_ai.input.messages": messages}),
        resource={"tollkeeper.tenant.id": "t7"},
    )
    accepted = span_rows([sent], arrival(SYSTEM))
    assert [chunk.table for chunk in accepted.chunks] == [
        "otel_traces",
        "llm_call_messages",
        "llm_content",
    ]
    assert accepted.rows == 1
    assert accepted.chunks[1].shared == {"tenant_id": "t7"}
    [content] = accepted.chunks[2].columns["content"]
    assert "x" * 99_999 in str(content)
    assert "tollkeeper.span.cut" not in row(accepted.chunks[0])["SpanAttributes"]


@pytest.mark.shared
def test_no_recorded_prompt_stays_on_a_span_that_may_not_keep_it() -> None:
    spans = cut = 0
    for body in recorded():
        if body.signal != "traces" or "exporters" not in body.path.parts:
            continue
        plain = inflate(body.path.read_bytes(), body.coding, 2**26)
        groups = decode_traces(plain, body.encoding)
        said = {
            value
            for one in groups
            for each in one.spans
            for key, value in each.attributes.items()
            if key.endswith((".content", "_content.text", ".messages", "put.value"))
            and len(value) > 8
        }
        for chunk in span_rows(groups, arrival(past_ns=NOW_NS)).chunks:
            assert chunk.table == "otel_traces"
            for number in range(chunk.rows):
                seen = row(chunk, number)
                spans += 1
                cut += "tollkeeper.span.cut" in seen["SpanAttributes"]
                assert not said & set(seen["SpanAttributes"].values())
    assert spans > 1900
    assert cut > 800
