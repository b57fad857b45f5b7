"""What of a provider's headers passes, and what an answer says of itself."""

import pytest
from tests.proxy.exchanges import dispatched, exchange

from tollkeeper_proxy.exchange import Refusal, Target, Trace
from tollkeeper_proxy.routes.answer_headers import (
    answer_headers,
    refusal_headers,
    relayed_headers,
    usd,
)


def test_only_named_headers_of_a_provider_pass() -> None:
    told = [
        ("content-type", "application/json"),
        ("retry-after", "3"),
        ("x-ratelimit-remaining-tokens", "7"),
        ("openai-processing-ms", "12"),
        ("x-request-id", "req-of-theirs"),
        ("set-cookie", "a=b"),
        ("server", "cloudflare"),
        ("openai-organization", "org-secret"),
        ("openai-project", "proj-secret"),
        ("content-length", "3"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("cf-ray", "x"),
        ("location", "http://elsewhere"),
        ("x-tollkeeper-cost-usd", "0"),
        ("traceparent", "00-x"),
    ]
    assert relayed_headers(told) == [*told[:4], ("x-upstream-request-id", "req-of-theirs")]


def test_an_answer_says_where_it_belongs() -> None:
    opened = exchange(target=Target("openai", "gpt-4o"))
    opened.trace = Trace("a" * 32, "b" * 16, sampled=False)
    told = dict(answer_headers(dispatched(opened)))
    assert told["x-request-id"] == "req-1"
    assert told["x-tollkeeper-trace-id"] == "a" * 32
    assert told["traceparent"] == f"00-{'a' * 32}-{'b' * 16}-00"
    assert told["x-tollkeeper-model"] == "gpt-4o"
    assert told["x-tollkeeper-provider"] == "openai"
    assert told["x-tollkeeper-attempts"] == "1"
    assert told["x-tollkeeper-cache"] == "off"
    assert "x-tollkeeper-cost-usd" not in told
    assert "x-tollkeeper-policies" not in told


def test_costs_and_decisions_are_told_where_known() -> None:
    opened = exchange()
    opened.cost_nanousd = 1_500
    opened.budget_remaining_nanousd = -1
    opened.decide("pii", "masked", "2")
    opened.decide("budget", "reserved")
    told = dict(answer_headers(opened))
    assert told["x-tollkeeper-cost-usd"] == "0.0000015"
    assert told["x-tollkeeper-budget-remaining-usd"] == "-0.000000001"
    assert told["x-tollkeeper-policies"] == "pii=masked, budget=reserved"


@pytest.mark.parametrize("model", ["a\r\nX-Evil: 1", "é北\udcff", "x" * 10_000, "\x00\x7f"])
def test_a_models_name_cannot_break_a_header(model: str) -> None:
    told = dict(answer_headers(exchange(target=Target("lab", model))))
    assert told["x-tollkeeper-model"].isascii()
    assert told["x-tollkeeper-model"].isprintable()
    assert len(told["x-tollkeeper-model"]) <= 200


def test_a_no_says_whether_to_try_again() -> None:
    assert refusal_headers(Refusal("x", "m")) == [("x-should-retry", "false")]
    again = Refusal("x", "m", retryable=True, retry_after_s=2)
    assert refusal_headers(again) == [("retry-after", "2")]


@pytest.mark.parametrize(
    ("nanousd", "told"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (1_000_000_000, "1"),
        (1_230_000_000, "1.23"),
        (-1_500_000_000, "-1.5"),
        (10**18 + 1, "1000000000.000000001"),
    ],
)
def test_money_is_exact(nanousd: int, told: str) -> None:
    assert usd(nanousd) == told
