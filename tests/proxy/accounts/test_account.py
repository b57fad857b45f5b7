"""What a call used and cost is the provider's word, else an estimate, and never zero by default."""

from typing import Any

import pytest
from tests.proxy.exchanges import chat, dispatched, exchange

from tollkeeper.pricing import Price, Usage, price_of
from tollkeeper_proxy.accounts.account import account
from tollkeeper_proxy.accounts.tokens import count_tokens
from tollkeeper_proxy.exchange import Exchange, Outcome, Target
from tollkeeper_proxy.wire import AnswerSummary

TARGET = Target("openai", "gpt-4o-mini")
MESSAGE: dict[str, object] = {
    "role": "assistant",
    "parts": [
        {"type": "text", "content": "hello there"},
        {"type": "tool_call", "id": "x", "name": "f", "arguments": '{"a": 1}'},
    ],
}


def ended(
    outcome: Outcome = "complete",
    *,
    status: int = 200,
    fault: str = "",
    usage: Usage | None = None,
    **summary: Any,
) -> Exchange:
    """Return an exchange that was sent and ended so."""
    opened = dispatched(exchange(chat("how are you today?"), target=TARGET))
    opened.outcome = outcome
    opened.attempts[-1].status = status
    opened.attempts[-1].error_type = fault
    if status:
        opened.summary = AnswerSummary(usage=usage, **summary)
    account(opened)
    return opened


def price() -> Price:
    found = price_of(TARGET.provider, TARGET.model)
    assert found is not None
    return found


def test_the_providers_word_counts() -> None:
    told = Usage(1000, 500)
    opened = ended(usage=told)
    assert opened.usage is told
    assert opened.cost_nanousd == price().cost_nanousd(told)
    assert opened.cost_nanousd


def test_a_usage_of_zero_costs_nothing_and_is_the_providers_word() -> None:
    opened = ended(usage=Usage())
    assert opened.usage == Usage()
    assert opened.cost_nanousd == 0


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        ("complete", ""),
        ("truncated", "connection_lost"),
        ("truncated", "idle_timeout"),
        ("truncated", "bad_response"),
        ("cancelled", ""),
        ("failed", ""),
        ("failed", "idle_timeout"),
        ("failed", "too_large"),
        ("failed", "bad_response"),
    ],
)
def test_what_was_sent_and_never_told_is_estimated(outcome: Outcome, fault: str) -> None:
    opened = ended(outcome, fault=fault, output_messages=[MESSAGE])
    assert opened.usage is not None
    assert opened.usage.source == "estimated"
    asked, answered = opened.usage.input_tokens, opened.usage.output_tokens
    assert abs(asked - count_tokens("how are you today?")) <= 2
    assert abs(answered - count_tokens('hello there{"a": 1}')) <= 2
    assert opened.cost_nanousd == price().cost_nanousd(opened.usage)


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        ("cancelled", ""),
        ("failed", "first_byte_timeout"),
        ("failed", "total_timeout"),
        ("failed", "connection_lost"),
        ("failed", "bad_response"),
    ],
)
def test_a_call_that_ended_before_its_answer_pays_its_prompt(outcome: Outcome, fault: str) -> None:
    opened = ended(outcome, status=0, fault=fault)
    assert opened.usage is not None
    assert opened.usage.source == "estimated"
    assert opened.usage.input_tokens > 0
    assert opened.usage.output_tokens == 0
    assert opened.cost_nanousd


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_what_the_provider_refused_was_free(status: int) -> None:
    opened = ended("failed", status=status)
    assert opened.usage is None
    assert opened.cost_nanousd == 0


@pytest.mark.parametrize(
    "fault", ["connect_failed", "connect_timeout", "pool_exhausted", "redirect_refused"]
)
def test_what_never_reached_a_model_was_free(fault: str) -> None:
    opened = ended("failed", status=0, fault=fault)
    assert opened.usage is None
    assert opened.cost_nanousd == 0


def test_an_unknown_price_leaves_the_cost_unknown() -> None:
    opened = dispatched(exchange(target=Target("lab", "own-model")))
    opened.outcome = "complete"
    opened.summary = AnswerSummary(usage=Usage(10, 10))
    opened.attempts[-1].status = 200
    assert opened.price is None
    account(opened)
    assert opened.usage == Usage(10, 10)
    assert opened.cost_nanousd is None


@pytest.mark.parametrize("target", [TARGET, Target("demo", "echo")])
def test_more_cached_than_input_tokens_is_kept_as_said_and_costs_nobody_knows_what(
    target: Target,
) -> None:
    told = Usage(100, 5, cache_read_tokens=80, cache_write_tokens=30)
    opened = dispatched(exchange(target=target))
    opened.outcome = "complete"
    opened.summary = AnswerSummary(usage=told)
    account(opened)
    account(opened)
    assert opened.usage is told
    assert opened.cost_nanousd is None
    assert [(d.policy, d.verdict) for d in opened.decisions] == [("account", "contradictory_usage")]


def test_as_many_cached_as_input_tokens_are_no_contradiction() -> None:
    opened = ended(usage=Usage(100, 5, cache_read_tokens=100))
    assert opened.cost_nanousd is not None
    assert opened.decisions == []


def test_a_cached_answer_costs_nothing() -> None:
    opened = exchange(target=TARGET)
    opened.outcome = "cached"
    account(opened)
    assert opened.cost_nanousd == 0


def test_a_call_never_sent_has_neither_usage_nor_cost() -> None:
    opened = exchange(target=TARGET)
    opened.outcome = "refused"
    account(opened)
    assert (opened.usage, opened.cost_nanousd) == (None, None)


def test_what_is_learned_later_replaces_an_estimate_and_no_word() -> None:
    opened = ended("cancelled", output_messages=[MESSAGE])
    assert opened.summary is not None
    opened.summary.usage = Usage(3, 4)
    account(opened)
    assert opened.usage == Usage(3, 4)
    opened.summary.usage = Usage(9, 9)
    account(opened)
    assert opened.usage == Usage(3, 4)


def test_the_model_that_served_sets_the_price() -> None:
    told = Usage(1_000_000, 0)
    dear = price_of("openai", "gpt-4o")
    assert dear is not None
    opened = ended(usage=told, model="gpt-4o-2024-08-06")
    assert opened.cost_nanousd == dear.cost_nanousd(told)
    assert opened.cost_nanousd != price().cost_nanousd(told)


def test_a_model_nobody_knows_keeps_the_price_that_was_asked_for() -> None:
    told = Usage(1_000_000, 0)
    opened = ended(usage=told, model="our-deployment")
    assert opened.cost_nanousd == price().cost_nanousd(told)


def test_a_very_long_conversation_is_counted_in_part() -> None:
    """Counting happens where all other requests wait: its cost must not grow with the request."""
    text = "word " * 20_000
    opened = dispatched(
        exchange(
            chat(messages=[{"role": "user", "content": text} for _ in range(30)]), target=TARGET
        )
    )
    opened.outcome = "cancelled"
    counted: list[int] = []
    account_with(opened, counted)
    assert opened.usage is not None
    assert 30 * 19_000 < opened.usage.input_tokens < 30 * 21_000
    assert len(counted) <= 2


def account_with(opened: Exchange, counted: list[int]) -> None:
    """Account an exchange and note each text that was counted."""
    patch = pytest.MonkeyPatch()

    def counting(text: str) -> int:
        counted.append(len(text))
        return count_tokens(text)

    with patch.context() as patched:
        patched.setattr("tollkeeper_proxy.accounts.account.count_tokens", counting)
        account(opened)
