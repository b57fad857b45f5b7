"""What the view makes of spans in every dialect, and that no span can make it throw."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.collector.store.spans import NOON_NS, Span, block, call

from tollkeeper_collector.store.clickhouse import ClickHouseStore

OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "claude-x",
    "llm.provider": "anthropic",
    "llm.token_count.prompt": "100",
    "llm.token_count.completion": "20",
    "llm.token_count.prompt_details.cache_read": "40",
    "input.value": "hello",
}
TRACELOOP = {
    "llm.request.type": "chat",
    "gen_ai.system": "OpenAI",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.prompt_tokens": "7",
    "gen_ai.usage.completion_tokens": "3",
    "llm.is_streaming": "true",
    "traceloop.association.properties.user_id": "u1",
}
READ_BY_THE_VIEW = [
    "gen_ai.operation.name", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens",
    "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.reasoning.output_tokens", "gen_ai.response.time_to_first_chunk",
    "gen_ai.response.finish_reasons", "tollkeeper.tags", "tollkeeper.cost.usd", "gen_ai.usage.cost",
    "http.response.status_code", "tollkeeper.policy.redacted", "tollkeeper.attempt",
    "tollkeeper.bytes.in", "tollkeeper.bytes.out", "tollkeeper.input.preview", "tollkeeper.cache",
]  # fmt: skip
NUMBERS = [
    "", "0", "-1", "1e400", "-1e400", "nan", "inf", "-inf", "4294967296", "18446744073709551616",
    "1.5", "0x10", " 1", "1 ", "\u0661",
    "1_000", "[", "[1,", '["a"', "{}", "null", "999999999999999999",
    "0.0000000000000000000001", "1e-5", "-0", "+1", "\0", "😀" * 600, "x" * 70_000,
]  # fmt: skip


def calls(store: ClickHouseStore, *spans: Span) -> list[dict[str, Any]]:
    store.insert(block(spans))
    client = store.engine.client()
    found = client.query("SELECT * FROM otel.llm_calls FINAL ORDER BY span_id")
    rows = list(found.named_results())
    client.close()
    return rows


def test_takes_everything_the_proxy_says(store: ClickHouseStore) -> None:
    said = {
        "tollkeeper.key.id": "k1", "tollkeeper.key.name": "ci", "tollkeeper.cache": "miss",
        "tollkeeper.outcome": "truncated", "tollkeeper.policy.redacted": "3",
        "tollkeeper.attempt": "2", "tollkeeper.bytes.in": "100", "tollkeeper.bytes.out": "2000",
        "tollkeeper.usage.source": "estimated", "tollkeeper.request.id": "req-1",
        "tollkeeper.tags": '["a","b"]', "http.response.status_code": "429",
        "gen_ai.response.finish_reasons": '["stop","length"]', "gen_ai.request.stream": "true",
        "gen_ai.response.time_to_first_chunk": "0.25", "user.id": "u", "session.id": "s",
        "gen_ai.usage.cache_read.input_tokens": "4", "gen_ai.usage.reasoning.output_tokens": "2",
        "tollkeeper.input.preview": "in", "tollkeeper.output.preview": "out",
        "gen_ai.input.messages": "not this",
    }  # fmt: skip
    span = call(1)
    (row,) = calls(store, Span(1, attributes={**span.attributes, **said}))
    assert {name: row[name] for name in EXPECTED} == EXPECTED


EXPECTED: dict[str, object] = {
    "tenant_id": "t1", "source": "proxy", "dialect": "otel", "operation": "chat",
    "provider": "openai", "key_id": "k1", "key_name": "ci", "cache": "miss",
    "outcome": "truncated", "redactions": 3, "attempt": 2, "bytes_in": 100, "bytes_out": 2000,
    "usage_source": "estimated", "request_id": "req-1", "tags": ["a", "b"], "http_status": 429,
    "finish_reasons": ["stop", "length"], "is_stream": 1, "is_model_call": 1,
    "ttfc_ns": 250_000_000,
    "user_id": "u", "session_id": "s", "input_tokens": 10, "output_tokens": 5,
    "cache_read_tokens": 4, "reasoning_tokens": 2, "input_preview": "in", "output_preview": "out",
    "has_usage": 1, "cost_usd": Decimal("0.0000045"), "status": "ok", "duration_ns": 250_000_000,
    "blocked_by": "",
}  # fmt: skip


def test_makes_one_row_per_attempt_and_none_of_the_request_around_them(
    store: ClickHouseStore,
) -> None:
    around = Span(1, attributes={"http.route": "/v1/chat/completions", "tollkeeper.cache": "miss"})
    rows = calls(store, around, call(2, tollkeeper__attempt="1"), call(3, tollkeeper__attempt="2"))
    assert [row["attempt"] for row in rows] == [1, 2]


def test_a_cached_answer_costs_nothing_and_a_refused_request_is_no_model_call(
    store: ClickHouseStore,
) -> None:
    cached = call(1, tollkeeper__cache="hit", tollkeeper__outcome="cached")
    blocked = {"tollkeeper__outcome": "refused", "tollkeeper__policy__blocked": "pii"}
    hit, refused = calls(store, cached, call(2, **blocked))
    assert (hit["cache"], hit["cost_usd"], hit["is_model_call"]) == ("hit", 0, 1)
    assert (refused["is_model_call"], refused["operation"]) == (0, "chat")
    assert refused["blocked_by"] == "pii"


def test_an_unknown_price_is_null_and_a_free_call_zero(store: ClickHouseStore) -> None:
    rows = calls(store, call(1, tollkeeper__cost__usd=""), call(2, tollkeeper__cost__usd="0"))
    assert [row["cost_usd"] for row in rows] == [None, Decimal(0)]


def test_understands_other_dialects(store: ClickHouseStore) -> None:
    first, second = calls(
        store,
        Span(1, scope="openinference", attributes=OPENINFERENCE),
        Span(2, scope="traceloop", attributes=TRACELOOP),
    )
    assert (first["dialect"], first["operation"], first["source"]) == (
        "openinference",
        "chat",
        "sdk",
    )
    assert (first["input_tokens"], first["cache_read_tokens"]) == (100, 40)
    assert (first["provider"], first["request_model"]) == ("anthropic", "claude-x")
    assert first["input_preview"] == "hello"
    assert (second["dialect"], second["provider"]) == ("traceloop", "openai")
    assert (second["input_tokens"], second["output_tokens"]) == (7, 3)
    assert (second["is_stream"], second["user_id"]) == (1, "u1")


def test_takes_scores_from_log_events(store: ClickHouseStore) -> None:
    attributes = {
        "gen_ai.evaluation.name": "relevance",
        "gen_ai.evaluation.score.value": "0.75",
        "gen_ai.response.id": "r1",
    }
    rows = {
        "Timestamp": [NOON_NS],
        "TraceId": ["a" * 32],
        "ResourceAttributes": [{"tollkeeper.tenant.id": "t1"}],
        "LogAttributes": [attributes],
        "EventName": ["gen_ai.evaluation.result"],
    }
    spans = block([call(1)])
    store.insert(type(spans)("otel_logs", tuple(rows), tuple(rows.values()), "scores"))
    client = store.engine.client()
    found = client.query("SELECT tenant_id, name, score, response_id FROM otel.llm_evaluations")
    client.close()
    assert found.result_rows == [("t1", "relevance", 0.75, "r1")]


@pytest.mark.parametrize("value", NUMBERS, ids=range(len(NUMBERS)))
def test_no_value_makes_the_view_throw(store: ClickHouseStore, value: str) -> None:
    spans = [
        Span(n, attributes={"gen_ai.operation.name": "chat", name: value})
        for n, name in enumerate(READ_BY_THE_VIEW)
    ]
    rows = calls(store, *spans)
    assert len(rows) == len(READ_BY_THE_VIEW) - (value == "")  # without an operation no call


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    spans=st.lists(
        st.dictionaries(
            st.sampled_from(READ_BY_THE_VIEW),
            st.text(max_size=20) | st.floats().map(str) | st.lists(st.text()).map(json.dumps),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_no_mixture_makes_the_view_throw(
    store: ClickHouseStore, spans: list[dict[str, str]]
) -> None:
    store.insert(block([Span(n, attributes=said) for n, said in enumerate(spans)]))
