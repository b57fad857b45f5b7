from typing import Any

from tests.collector.records import MEMBER, NOW_NS, arrival

from tollkeeper_collector.otlp.signals import LogGroup, LogRecord, Scope
from tollkeeper_collector.rows import log_rows
from tollkeeper_collector.rows.arrival import DAY_NS

COLUMNS = [
    "Timestamp",
    "TraceId",
    "SpanId",
    "TraceFlags",
    "SeverityText",
    "SeverityNumber",
    "ServiceName",
    "Body",
    "ResourceSchemaUrl",
    "ResourceAttributes",
    "ScopeSchemaUrl",
    "ScopeName",
    "ScopeVersion",
    "ScopeAttributes",
    "LogAttributes",
    "EventName",
]


def record(**fields: Any) -> LogRecord:
    values: dict[str, Any] = {
        "time_ns": NOW_NS,
        "observed_ns": 0,
        "trace_id": "a" * 32,
        "span_id": "b" * 16,
        "flags": 257,
        "severity_text": "INFO",
        "severity_number": 9,
        "body": "hello",
        "attributes": {"gen_ai.evaluation.name": "relevance"},
        "event_name": "gen_ai.evaluation.result",
    }
    return LogRecord(**{**values, **fields})


def rows_of(*records: LogRecord) -> list[dict[str, Any]]:
    sent = LogGroup({"service.name": "app"}, "r", Scope("lib", "1", {"x": "y"}, "s"), list(records))
    return [
        dict(chunk.shared) | {name: values[n] for name, values in chunk.columns.items()}
        for chunk in log_rows([sent], arrival(MEMBER)).chunks
        for n in range(chunk.rows)
    ]


def test_an_evaluation_arrives_whole() -> None:
    [seen] = rows_of(record())
    assert sorted(seen) == sorted(COLUMNS)
    assert seen["LogAttributes"] == {"gen_ai.evaluation.name": "relevance"}
    assert seen["ResourceAttributes"] == {"service.name": "app", "tollkeeper.tenant.id": "t1"}
    assert (seen["ServiceName"], seen["ScopeAttributes"]) == ("app", {"x": "y"})
    assert (seen["TraceFlags"], seen["EventName"]) == (1, "gen_ai.evaluation.result")


def test_a_record_without_time_was_made_when_it_was_seen_or_came() -> None:
    seen, came = rows_of(record(time_ns=0, observed_ns=NOW_NS - 5), record(time_ns=0))
    assert (seen["Timestamp"], came["Timestamp"]) == (NOW_NS - 5, NOW_NS)


def test_wrong_ids_and_severities_are_left_out() -> None:
    [seen] = rows_of(record(trace_id="ab", span_id="cd", severity_number=99))
    assert (seen["TraceId"], seen["SpanId"], seen["SeverityNumber"]) == ("", "", 0)


def test_rejects_what_the_store_would_not_keep() -> None:
    sent = LogGroup({}, "", Scope("", "", {}, ""), [record(time_ns=5), record(), record()])
    late = record(time_ns=NOW_NS + 2 * DAY_NS)
    accepted = log_rows([sent, sent._replace(records=[late])], arrival())
    assert accepted.rows == 2
    assert accepted.rejected.total() == 2


def test_what_is_cut_is_told() -> None:
    [seen] = rows_of(record(body="x" * 70_000, event_name=""))
    assert seen["LogAttributes"]["tollkeeper.span.cut"] == "values=1"
    assert len(seen["Body"]) == 65_536
