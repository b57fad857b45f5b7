"""Reserving and settling, against the real ledger."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.exchanges import chat, dispatched, exchange

from tollkeeper.keys import Identity
from tollkeeper.pricing import Price, Usage, price_of
from tollkeeper.pricing.rates import Rates
from tollkeeper_proxy.exchange import Exchange, Refusal, Target
from tollkeeper_proxy.ledger import transaction
from tollkeeper_proxy.ledger.clerk import SqliteLedger
from tollkeeper_proxy.ledger.entries import LARGEST_NANOUSD
from tollkeeper_proxy.policies.budget import (
    LEAST_OUTPUT_TOKENS,
    UNBOUNDED_OUTPUT_TOKENS,
    BudgetPolicy,
    Estimate,
)
from tollkeeper_proxy.wire import WireRequest
from tollkeeper_proxy.wire.openai_media import IMAGE_TOKENS

NOW_S = datetime(2026, 8, 22, 12, tzinfo=UTC).timestamp()
INPUT, OUTPUT = 1000, 2000  # the demo model's nano-USD per token


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    opened = SqliteLedger(tmp_path / "state.db", clock=lambda: NOW_S)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def policy(ledger: SqliteLedger) -> BudgetPolicy:
    return BudgetPolicy(ledger, lease_s=60.0, clock=lambda: NOW_S)


def member(budget_nanousd: int | None, period: str = "month") -> Identity:
    return Identity("k1", "key one", "t1", budget_nanousd=budget_nanousd, budget_period=period)


def size(opened: Exchange) -> int:
    assert opened.request is not None
    return bound(opened.request)


def bound(request: WireRequest) -> int:
    tokens = request.input_token_bound()
    assert tokens is not None
    return tokens


def sent_limit(opened: Exchange) -> object:
    assert opened.request is not None
    sent = json.loads(opened.request.body_for("echo"))
    return sent.get("max_completion_tokens", sent.get("max_tokens"))


async def balance(ledger: SqliteLedger, path: Path) -> tuple[int, int]:
    await ledger.close()
    connection = sqlite3.connect(path / "state.db")
    row = connection.execute("SELECT spent_nanousd, held_nanousd FROM budget_accounts").fetchone()
    connection.close()
    return row or (0, 0)


def lines(path: Path) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path / "state.db")
    query = "SELECT request_id, reserved_nanousd, charged_nanousd, cost_nanousd FROM ledger_lines"
    found = connection.execute(query).fetchall()
    connection.close()
    return found


async def test_holds_the_worst_case_and_charges_what_it_cost(
    policy: BudgetPolicy, ledger: SqliteLedger, tmp_path: Path
) -> None:
    opened = exchange(chat(max_tokens=100), identity=member(10**9))
    assert await policy.on_request(opened) is None
    worst = size(opened) * INPUT + 100 * OUTPUT
    assert opened.budget_remaining_nanousd == 10**9 - worst
    dispatched(opened).cost_nanousd = 7000
    opened.usage = Usage(3, 2)
    policy.on_done(opened)
    assert await balance(ledger, tmp_path) == (7000, 0)
    assert lines(tmp_path) == [("req-1", worst, 7000, 7000)]


async def test_a_key_without_a_budget_gets_its_line_and_touches_no_account(
    policy: BudgetPolicy, ledger: SqliteLedger, tmp_path: Path
) -> None:
    opened = exchange(identity=member(None))
    assert await policy.on_request(opened) is None
    assert opened.reservation_id == ""
    dispatched(opened).cost_nanousd = 7000
    policy.on_done(opened)
    assert await balance(ledger, tmp_path) == (0, 0)
    assert lines(tmp_path) == [("req-1", 0, 0, 7000)]


async def test_what_was_never_sent_is_given_back_in_full_and_leaves_no_line(
    policy: BudgetPolicy, ledger: SqliteLedger, tmp_path: Path
) -> None:
    opened = exchange(identity=member(10**9))
    await policy.on_request(opened)
    policy.on_done(opened)
    assert await balance(ledger, tmp_path) == (0, 0)
    assert lines(tmp_path) == []


async def test_a_sent_request_of_which_nothing_is_known_costs_what_was_held(
    policy: BudgetPolicy, ledger: SqliteLedger, tmp_path: Path
) -> None:
    opened = exchange(chat(max_tokens=100), identity=member(10**9))
    await policy.on_request(opened)
    policy.on_done(dispatched(opened))
    worst = size(opened) * INPUT + 100 * OUTPUT
    assert await balance(ledger, tmp_path) == (worst, 0)
    assert lines(tmp_path) == [("req-1", worst, worst, None)]


async def test_lowers_the_answers_length_to_what_the_budget_holds(policy: BudgetPolicy) -> None:
    request = chat(max_completion_tokens=5000)
    budget = bound(request) * INPUT + 250 * OUTPUT + 999
    opened = exchange(request, identity=member(budget))
    assert await policy.on_request(opened) is None
    assert sent_limit(opened) == 250
    assert opened.decisions[-1].verdict == "capped"
    assert opened.budget_remaining_nanousd == 0


async def test_leaves_a_request_that_fits_as_the_caller_wrote_it(policy: BudgetPolicy) -> None:
    request = chat(max_tokens=100)
    before = request.body_for("demo/echo")
    assert await policy.on_request(exchange(request, identity=member(10**9))) is None
    assert request.body_for("demo/echo") == before


async def test_an_answer_without_a_limit_gets_the_one_that_is_held_for_it(
    policy: BudgetPolicy,
) -> None:
    opened = exchange(identity=member(10**12))
    await policy.on_request(opened)
    assert sent_limit(opened) == UNBOUNDED_OUTPUT_TOKENS
    worst = size(opened) * INPUT + UNBOUNDED_OUTPUT_TOKENS * OUTPUT
    assert opened.budget_remaining_nanousd == 10**12 - worst


@pytest.mark.parametrize("short_by", [1, 10_000])
async def test_refuses_when_too_little_is_left_for_an_answer_worth_having(
    policy: BudgetPolicy, short_by: int
) -> None:
    request = chat()
    least = bound(request) * INPUT + LEAST_OUTPUT_TOKENS * OUTPUT
    refusal = await policy.on_request(exchange(request, identity=member(least - short_by)))
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code, refusal.retryable) == (429, "insufficient_quota", False)
    assert "2026-09-01T00:00Z" in refusal.message
    assert "is spent" in refusal.message


async def test_a_short_answer_the_caller_asked_for_is_no_reason_to_refuse(
    policy: BudgetPolicy,
) -> None:
    request = chat(max_tokens=1)
    exact = bound(request) * INPUT + OUTPUT
    assert await policy.on_request(exchange(request, identity=member(exact))) is None


async def test_money_held_by_open_requests_may_come_back_so_a_retry_can_help(
    policy: BudgetPolicy,
) -> None:
    identity = member(200_000)
    first = exchange(identity=identity)
    assert await policy.on_request(first) is None
    refusal = await policy.on_request(exchange(identity=identity))
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code, refusal.retryable) == (429, "budget_in_use", True)
    policy.on_done(first)
    assert await policy.on_request(exchange(identity=identity)) is None


async def test_refuses_when_the_key_has_spent_its_month(policy: BudgetPolicy) -> None:
    identity = member(200_000)
    opened = exchange(identity=identity)
    await policy.on_request(opened)
    dispatched(opened).cost_nanousd = 200_000
    policy.on_done(opened)
    refusal = await policy.on_request(exchange(identity=identity))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "insufficient_quota"
    assert "$0.0002 is spent" in refusal.message


async def test_a_new_month_starts_anew_and_an_old_request_is_charged_to_its_own(
    ledger: SqliteLedger, tmp_path: Path
) -> None:
    now_s = [NOW_S]
    policy = BudgetPolicy(ledger, lease_s=10**7, clock=lambda: now_s[0])
    identity = member(200_000)
    old = exchange(identity=identity)
    await policy.on_request(old)
    now_s[0] = datetime(2026, 9, 1, tzinfo=UTC).timestamp()
    assert await policy.on_request(exchange(identity=identity)) is None
    dispatched(old).cost_nanousd = 150_000
    policy.on_done(old)
    await ledger.close()
    connection = sqlite3.connect(tmp_path / "state.db")
    spent = dict(connection.execute("SELECT window, spent_nanousd FROM budget_accounts"))
    connection.close()
    assert spent == {"2026-08": 150_000, "2026-09": 0}


async def test_an_unknown_price_is_refused_and_never_counts_as_nothing(
    policy: BudgetPolicy, ledger: SqliteLedger, tmp_path: Path
) -> None:
    opened = exchange(identity=member(10**12), target=Target("lab", "llama-3"))
    refusal = await policy.on_request(opened)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code) == (400, "unpriced_model")
    assert await balance(ledger, tmp_path) == (0, 0)


DEAR = Price("demo", "dear", ((-1, Rates(per_nanousd=1, input=5000, output=100)),))


async def test_holds_for_the_dearest_model_the_provider_may_fall_back_to(
    policy: BudgetPolicy,
) -> None:
    opened = exchange(chat(max_tokens=100), identity=member(10**9))
    opened.fallback_prices = (DEAR,)
    assert await policy.on_request(opened) is None
    worst = max(size(opened) * INPUT + 100 * OUTPUT, size(opened) * 5000 + 100 * 100)
    assert opened.budget_remaining_nanousd == 10**9 - worst


async def test_a_fallback_that_nobody_priced_is_refused_under_a_budget(
    policy: BudgetPolicy,
) -> None:
    opened = exchange(chat(models=["nobody-knows-this"]), identity=member(10**12))
    opened.fallback_prices = (None,)
    refusal = await policy.on_request(opened)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code) == (400, "unpriced_model")
    assert "nobody-knows-this" in refusal.message
    opened.identity = member(None)
    assert await policy.on_request(opened) is None


def message(part: dict[str, object]) -> list[dict[str, object]]:
    return [{"role": "user", "content": [part]}]


async def test_a_picture_named_by_its_address_is_held_for(policy: BudgetPolicy) -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    opened = exchange(chat(messages=message(picture), max_tokens=100), identity=member(10**9))
    assert await policy.on_request(opened) is None
    assert opened.budget_remaining_nanousd is not None
    assert opened.budget_remaining_nanousd < 10**9 - IMAGE_TOKENS * INPUT


async def test_an_input_without_a_bound_is_refused_under_a_budget_and_only_there(
    policy: BudgetPolicy, ledger: SqliteLedger, tmp_path: Path
) -> None:
    paper = {"type": "file", "file": {"file_id": "file-1"}}
    refusal = await policy.on_request(
        exchange(chat(messages=message(paper)), identity=member(10**12))
    )
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code, refusal.param) == (400, "unbounded_input", "messages")
    free = exchange(chat(messages=message(paper)), identity=member(None))
    assert await policy.on_request(free) is None
    assert await balance(ledger, tmp_path) == (0, 0)


async def test_a_ledger_that_cannot_be_asked_lets_no_budgeted_request_through(
    policy: BudgetPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "LOCK_PATIENCE_S", 0.02)
    blocker = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    refusal = await policy.on_request(exchange(identity=member(10**9)))
    free = await policy.on_request(exchange(identity=member(None)))
    blocker.execute("ROLLBACK")
    blocker.close()
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code, refusal.retryable) == (503, "budget_unavailable", True)
    assert free is None


@pytest.mark.parametrize("turns", range(6))
async def test_a_caller_who_leaves_at_any_moment_leaves_no_hold(
    policy: BudgetPolicy, ledger: SqliteLedger, tmp_path: Path, turns: int
) -> None:
    opened = [exchange(identity=member(10**12)) for _ in range(20)]
    tasks = [asyncio.create_task(policy.on_request(each)) for each in opened]
    for _ in range(turns):
        await asyncio.sleep(0.0005)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for each, result in zip(opened, results, strict=True):
        if result is None:  # it had finished: the pipeline settles it
            policy.on_done(each)
    assert await balance(ledger, tmp_path) in [(0, 0)]


async def test_two_requests_with_the_callers_same_id_are_held_and_charged_apart(
    policy: BudgetPolicy, ledger: SqliteLedger, tmp_path: Path
) -> None:
    twins = [exchange(identity=member(10**12)) for _ in range(2)]
    for twin in twins:
        await policy.on_request(twin)
        dispatched(twin).cost_nanousd = 5
    for twin in twins:
        policy.on_done(twin)
    assert await balance(ledger, tmp_path) == (10, 0)
    assert len(lines(tmp_path)) == 2


async def test_what_a_provider_claims_beyond_all_sense_still_settles(
    policy: BudgetPolicy, ledger: SqliteLedger, tmp_path: Path
) -> None:
    opened = exchange(identity=member(10**12))
    await policy.on_request(opened)
    dispatched(opened).cost_nanousd = 10**30
    opened.usage = Usage(input_tokens=10**25, output_tokens=-5)
    policy.on_done(opened)
    spent, held = await balance(ledger, tmp_path)
    assert (spent, held) == (LARGEST_NANOUSD, 0)


@given(
    budget=st.integers(0, 10**8), size_bytes=st.integers(0, 10_000), limit=st.integers(1, 200_000)
)
def test_the_longest_affordable_answer_is_paid_and_one_more_token_is_not(
    budget: int, size_bytes: int, limit: int
) -> None:
    price = price_of("openai", "gpt-4o")
    assert price is not None
    estimate = Estimate((price,), size_bytes, limit)
    tokens = estimate.output_tokens_within(budget)
    cost, next_cost = estimate.cost(tokens), estimate.cost(tokens + 1)
    assert cost is not None
    assert next_cost is not None
    assert tokens == 0 or cost <= budget
    assert tokens == limit or next_cost > budget
