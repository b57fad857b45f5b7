"""What ``/metrics`` shows, read back with Prometheus' own parser."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.equipment.canary import CANARY
from tests.proxy.exchanges import chat, dispatched, exchange

from tollkeeper.pricing import Usage
from tollkeeper_proxy.exchange import Caller, Exchange, Outcome, Target
from tollkeeper_proxy.telemetry.metrics import ProxyMetrics


def shown(metrics: ProxyMetrics) -> dict[tuple[str, ...], float]:
    """Return every sample that is not zero by its name and its labels' values."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if sample.value
    }


def ended(outcome: Outcome = "complete") -> Exchange:
    opened = dispatched(exchange(chat()))
    opened.outcome, opened.started_unix_ns, opened.ended_unix_ns = outcome, 0, 300_000_000
    return opened


def test_a_call_is_counted_with_its_time_its_tokens_and_its_cost() -> None:
    metrics = ProxyMetrics()
    call = ended()
    call.usage, call.cost_nanousd = Usage(100, 7), 2_500_000_000
    metrics.count(call)
    seen = shown(metrics)
    assert seen["tollkeeper_requests_total", "complete"] == 1
    assert seen["tollkeeper_cost_usd_total",] == 2.5
    duration = ("", "chat", "demo")
    assert seen["gen_ai_client_operation_duration_seconds_sum", *duration] == 0.3
    assert seen["gen_ai_client_operation_duration_seconds_count", *duration] == 1
    assert seen["gen_ai_client_token_usage_sum", "chat", "demo", "input"] == 100
    assert seen["gen_ai_client_token_usage_sum", "chat", "demo", "output"] == 7
    assert ("tollkeeper_unpriced_calls_total",) not in seen


def test_an_unknown_cost_is_counted_as_unknown_and_not_as_nothing() -> None:
    metrics = ProxyMetrics()
    metrics.count(ended())
    seen = shown(metrics)
    assert seen["tollkeeper_unpriced_calls_total",] == 1
    assert ("tollkeeper_cost_usd_total",) not in seen


def test_tokens_that_are_only_estimated_are_not_shown_as_tokens() -> None:
    metrics = ProxyMetrics()
    call = ended("cancelled")
    call.usage = Usage(100, 7, source="estimated")
    metrics.count(call)
    assert not [name for name, *_ in shown(metrics) if name.startswith("gen_ai_client_token")]


@pytest.mark.parametrize("outcome", ["refused", "cached"])
def test_what_no_provider_saw_is_a_request_and_no_call(outcome: Outcome) -> None:
    metrics = ProxyMetrics()
    opened = exchange(chat())
    opened.outcome = outcome
    metrics.count(opened)
    counted = {key: value for key, value in shown(metrics).items() if "created" not in key[0]}
    assert counted == {("tollkeeper_requests_total", outcome): 1}


def test_a_failure_is_told_by_its_kind() -> None:
    metrics = ProxyMetrics()
    call = ended("truncated")
    call.error_type = "whatever a provider said"
    metrics.count(call)
    name = "gen_ai_client_operation_duration_seconds_count"
    assert shown(metrics)[name, "truncated", "chat", "demo"] == 1


def test_a_clock_set_back_makes_no_time_negative() -> None:
    metrics = ProxyMetrics()
    call = ended()
    call.started_unix_ns = call.ended_unix_ns + 1
    metrics.count(call)
    assert all(value >= 0 for value in shown(metrics).values())


def test_nothing_a_caller_makes_up_becomes_a_label() -> None:
    metrics = ProxyMetrics()
    for number in range(50):
        call = ended("failed")
        call.target = Target("demo", f"made-up-{number}")
        call.caller = Caller(credential=CANARY, user=f"u{number}", session=f"s{number}")
        call.error_type = f"error-{number}"
        metrics.count(call)
    text = metrics.text().decode()
    for made_up in ("made-up", "u1", "s1", "error-1", CANARY):
        assert made_up not in text
    assert len(text) < 20_000


def test_what_other_parts_count_is_read_when_it_is_asked_for() -> None:
    metrics = ProxyMetrics()
    counted = [1.0]
    metrics.watch("tollkeeper_spans_waiting", "Waiting.", lambda: counted[0])
    counted[0] = 5.0
    assert shown(metrics)["tollkeeper_spans_waiting",] == 5.0
