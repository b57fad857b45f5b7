"""A body enters the OTLP port and is asked for on the SQL port: the collector as a process."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.collector.collector_process import SYSTEM_KEY, CollectorProcess
from tests.collector.records import Recorded, recorded, trace_body

from tollkeeper_collector.otlp import decode_logs, decode_traces
from tollkeeper_collector.otlp.inflate import inflate

CANARY = "the-canary-sings-at-noon"
INPUT_TOKENS = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
)


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    """Return a running collector; recordings are let in however old they have become."""
    folder = tmp_path_factory.mktemp("collector")
    collector = CollectorProcess(folder, {"storage": {"spans_days": 3650, "calls_days": 3650}})
    collector.start()
    yield collector
    collector.stop()


def chat_body(span_id: int, tenant_id: str = "", **attributes: str) -> bytes:
    """Return a JSON request with one model call of just now."""
    now_ns = time.time_ns()
    pairs = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "demo", **attributes}
    resource = {"tollkeeper.tenant.id": tenant_id} if tenant_id else {}
    span = {
        "traceId": f"{span_id:032x}",
        "spanId": f"{span_id:016x}",
        "name": "chat",
        "startTimeUnixNano": str(now_ns),
        "endTimeUnixNano": str(now_ns + 5),
        "attributes": _pairs(pairs),
    }
    scoped = {"scope": {"name": "tollkeeper.proxy"}, "spans": [span]}
    part = {"resource": {"attributes": _pairs(resource)}, "scopeSpans": [scoped]}
    return json.dumps({"resourceSpans": [part]}).encode()


def _pairs(attributes: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]


def messages(text: str) -> str:
    return json.dumps([{"role": "user", "parts": [{"type": "text", "content": text}]}])


@pytest.mark.shared
def test_every_recorded_body_lands_with_its_counts(collector: CollectorProcess) -> None:
    key, spans, records, tokens = collector.key("recorded"), 0, 0, 0
    for body in recorded():
        if "exporters" not in body.path.parts:
            continue
        plain = inflate(body.path.read_bytes(), body.coding, 2**26)
        if body.signal == "traces":
            decoded = [s for g in decode_traces(plain, body.encoding) for s in g.spans]
            spans += len(decoded)
            tokens += sum(_input_tokens(span.attributes) for span in decoded)
        elif body.signal == "logs":
            records += sum(len(g.records) for g in decode_logs(plain, body.encoding))
        status, answer = _post(collector, body, key)
        assert status == 200, answer
    ledger = collector.wait_stored()
    assert ledger["stored"] >= spans + records
    assert collector.sql("SELECT count(), uniq(TraceId, SpanId) FROM otel.otel_traces", key) == [
        [str(spans), str(spans)]
    ]
    assert collector.sql("SELECT count() FROM otel.otel_logs", key) == [[str(records)]]
    [[seen]] = collector.sql("SELECT sum(input_tokens) FROM otel.llm_calls FINAL", key)
    assert int(seen) >= tokens  # raw Anthropic counts gain what was read from the cache
    dialects = collector.sql("SELECT DISTINCT dialect FROM otel.llm_calls ORDER BY dialect", key)
    assert dialects == [["otel"], ["otel_legacy"], ["openinference"], ["traceloop"]]


def _post(collector: CollectorProcess, body: Recorded, key: str) -> tuple[int, bytes]:
    kind = "application/json" if body.encoding == "json" else "application/x-protobuf"
    headers = {"Content_Type": kind, **({"Content_Encoding": body.coding} if body.coding else {})}
    return collector.post(f"/v1/{body.signal}", body.path.read_bytes(), key, **headers)


def _input_tokens(attributes: dict[str, str]) -> int:
    for name in (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
    ):
        if (value := attributes.get(name)) is not None:
            return int(float(value))
    return 0


def test_a_proxys_span_becomes_a_typed_call_with_its_messages(collector: CollectorProcess) -> None:
    key = collector.key("proxied")
    said = {"gen_ai.input.messages": messages("hello there")}
    body = chat_body(0xA1, "proxied", **said)
    kind = {"Content_Type": "application/json"}
    assert collector.post("/v1/traces", body, SYSTEM_KEY, **kind) == (200, b"{}")
    collector.wait_stored()
    calls = "SELECT source, operation, provider, input_preview, tenant_id FROM otel.llm_calls"
    assert collector.sql(calls, key) == [["proxy", "chat", "demo", "hello there", "proxied"]]
    joined = """SELECT kind, role, content FROM otel.llm_call_messages AS calls
        JOIN otel.llm_content USING (tenant_id, content_hash)"""
    [[kind_seen, role, content]] = collector.sql(joined, key)
    assert (kind_seen, role) == ("input", "user")
    assert json.loads(content)["parts"][0]["content"] == "hello there"


def test_nobody_can_speak_for_another_tenant_or_for_the_proxy(collector: CollectorProcess) -> None:
    victim, attacker = collector.key("victim"), collector.key("attacker")
    kind = {"Content_Type": "application/json"}
    collector.post("/v1/traces", chat_body(0xB1, "victim"), attacker, **kind)
    collector.wait_stored()
    assert collector.sql("SELECT count() FROM otel.llm_calls", victim) == [["0"]]
    assert collector.sql("SELECT source FROM otel.llm_calls", attacker) == [["sdk"]]


def test_content_that_may_not_stay_reaches_no_file(collector: CollectorProcess) -> None:
    key = collector.key("discreet")
    kind = {"Content_Type": "application/json"}
    said = {"gen_ai.input.messages": messages(CANARY), "output.value": CANARY}
    collector.post("/v1/traces", chat_body(0xC1, **said), key, **kind)
    collector.wait_stored()
    calls = "SELECT input_preview, output_preview FROM otel.llm_calls"
    assert collector.sql(calls, key) == [["", ""]]
    cut = "SELECT SpanAttributes['tollkeeper.span.cut'] FROM otel.otel_traces"
    assert collector.sql(cut, key) == [["content=2"]]
    assert not [
        file
        for file in collector.data.rglob("*")
        if file.is_file() and CANARY.encode() in file.read_bytes()
    ]


def test_an_evaluation_becomes_a_score(collector: CollectorProcess) -> None:
    key = collector.key("scored")
    record = {
        "timeUnixNano": str(time.time_ns()),
        "eventName": "gen_ai.evaluation.result",
        "traceId": "d1" * 16,
        "spanId": "d1" * 8,
        "attributes": [
            {"key": "gen_ai.evaluation.name", "value": {"stringValue": "relevance"}},
            {"key": "gen_ai.evaluation.score.value", "value": {"doubleValue": 0.75}},
        ],
    }
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
    assert collector.post("/v1/logs", body, key, Content_Type="application/json")[0] == 200
    collector.wait_stored()
    scores = "SELECT name, score, span_id FROM otel.llm_evaluations"
    assert collector.sql(scores, key) == [["relevance", "0.75", "d1" * 8]]


@pytest.mark.parametrize("poison", ["nan", "inf", "-1", "1e300", "9" * 400, "\x00", "🙂", "0x10"])
def test_no_number_an_application_sends_keeps_others_from_being_stored(
    collector: CollectorProcess, poison: str
) -> None:
    key = collector.key(f"poison{abs(hash(poison))}")
    odd = dict.fromkeys(
        (
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.output_tokens",
            "gen_ai.response.time_to_first_chunk",
            "gen_ai.usage.cost",
            "gen_ai.response.finish_reasons",
            "user.id",
        ),
        poison,
    )
    body = chat_body(abs(hash(poison)) % 2**60 + 1, **odd)
    assert collector.post("/v1/traces", body, key, Content_Type="application/json")[0] == 200
    ledger = collector.wait_stored()
    assert ledger.get("quarantined", 0) == 0
    assert collector.sql("SELECT count() FROM otel.llm_calls", key) == [["1"]]


def test_probes_and_the_loss_ledger(collector: CollectorProcess) -> None:
    for path in ("/livez", "/readyz", "/healthz"):
        assert collector.get(path)[0] == 200
    ledger = collector.wait_stored()
    known = sum(ledger.get(name, 0) for name in ("stored", "waiting", "quarantined", "dropped"))
    assert ledger.get("accepted", 0) + ledger.get("recovered", 0) == known


def test_a_second_collector_on_the_folder_is_refused_in_one_line(
    collector: CollectorProcess, tmp_path: Path
) -> None:
    second = CollectorProcess(tmp_path)
    second.data.rmdir()
    second.data.symlink_to(collector.data)
    assert second.launch().wait(60) == 2
    [line] = second.log().splitlines()
    assert line.startswith("tollkeeper: another collector is using ")


def test_leaving_stores_what_was_accepted(tmp_path: Path) -> None:
    collector = CollectorProcess(tmp_path, {"collector": {"gather_s": 5}})
    key = collector.key()
    collector.start()
    for number in range(1, 6):
        assert collector.post("/v1/traces", trace_body(number), key)[0] == 200
    assert collector.stop() == 0
    collector.start()
    assert collector.counts().get("recovered", 0) == 0
    assert collector.sql("SELECT count() FROM otel.otel_traces", key) == [["5"]]
    collector.stop()
