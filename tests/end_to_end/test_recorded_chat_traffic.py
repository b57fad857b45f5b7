"""Every recorded chat completion, of every provider, through the running product.

What the caller gets is what the provider sent, byte for byte; what the store holds is what the
provider said: model, finish reasons, usage and, where a price is known, the cost.
"""

import json
from decimal import Decimal
from typing import Any, Final

import pytest
from genai_prices import Usage, calc_price
from tests.equipment.interaction import Interaction
from tests.equipment.passage import (
    TOKENS,
    Passed,
    contradicts_itself,
    listed,
    misfiled,
    send_all,
    tokens_of,
    unlike,
)
from tests.equipment.places import ABSENT, has_shared
from tests.equipment.recordings import chat_interactions
from tests.equipment.replay_provider import ReplayProvider
from tests.equipment.sql import Row, Sql
from tests.equipment.sse_events import Said, said_by
from tests.equipment.stack import Stack

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not has_shared(), reason=ABSENT),
    pytest.mark.timeout(300),
]

CHARGED_FOR_MORE_THAN_TOKENS: Final = ("openrouter_file_annotation",)  # a fee to read the PDF
DEARER_OR_CHEAPER: Final = ("flex", "priority")  # tiers with prices of their own
ONE_NANO_USD: Final = Decimal("1e-9")  # costs are whole nano-dollars


@pytest.fixture(scope="module")
def passed(stack: Stack, replay: ReplayProvider) -> list[Passed]:
    return send_all(stack, replay, chat_interactions())


@pytest.fixture(scope="module")
def calls(stack: Stack, passed: list[Passed]) -> dict[str, Row]:
    with Sql(stack.ports["sql"], stack.key) as sql:
        return {row["request_id"]: row for row in sql.calls([each.request_id for each in passed])}


def test_what_the_provider_sent_comes_back_as_it_was(passed: list[Passed]) -> None:
    wrong = {each.interaction.name: how for each in passed if (how := unlike(each))}
    assert not wrong, listed(wrong)


def test_nothing_of_the_providers_account_comes_back(passed: list[Passed]) -> None:
    private = {"set-cookie", "openai-organization", "openai-project", "cf-ray"}
    shown = {(name.lower(), value) for each in passed for name, value in each.answer.headers}
    assert not {name for name, _ in shown} & private
    assert {value for name, value in shown if name == "server"} <= {"tollkeeper"}


def test_the_provider_gets_what_the_caller_sent(passed: list[Passed]) -> None:
    wrong = {
        each.interaction.name: each.received.body[:300]
        for each in passed
        if _without_usage_option(each.received.json())
        != _without_usage_option(json.loads(each.interaction.request_body))
    }
    assert not wrong, listed(wrong)


def test_every_call_is_stored_once_with_what_was_said(
    passed: list[Passed], calls: dict[str, Row]
) -> None:
    wrong = {
        each.interaction.name: columns
        for each in passed
        if (columns := misfiled(calls[each.request_id], each.interaction))
    }
    assert not wrong, listed(wrong)


def test_usage_is_what_the_provider_said(passed: list[Passed], calls: dict[str, Row]) -> None:
    wrong = {}
    for each in passed:
        usage = said_by(each.interaction).usage
        if usage is None or contradicts_itself(usage):
            continue
        row = calls[each.request_id]
        stored = {name: row[name] for name in TOKENS}
        if stored != (expected := tokens_of(usage)):
            wrong[each.interaction.name] = (expected, stored)
    assert not wrong, listed(wrong)


def test_usage_that_contradicts_itself_is_marked(
    passed: list[Passed], calls: dict[str, Row]
) -> None:
    """More cached tokens than tokens: kept so that nothing gets lost, and said to be repaired."""
    odd = [
        calls[each.request_id]
        for each in passed
        if (usage := said_by(each.interaction).usage) and contradicts_itself(usage)
    ]
    assert odd
    assert all(row["usage_repaired"] for row in odd)


def test_cost_is_the_published_price_and_unknown_where_there_is_none(
    passed: list[Passed], calls: dict[str, Row]
) -> None:
    wrong = {}
    for each in passed:
        said = said_by(each.interaction)
        if said.usage is None or said.is_error or contradicts_itself(said.usage):
            continue
        stored, expected = calls[each.request_id]["cost_usd"], _price(each.interaction, said)
        if not _same(stored, expected, ONE_NANO_USD):
            wrong[each.interaction.name] = (expected, stored)
    assert not wrong, listed(wrong)


def test_the_cost_is_what_openrouter_itself_charged(
    passed: list[Passed], calls: dict[str, Row]
) -> None:
    """OpenRouter says in its answers what it charged: a witness besides the table."""
    charged = {
        each.request_id: (each.interaction.name, Decimal(str(usage["cost"])))
        for each in passed
        if (usage := said_by(each.interaction).usage)
        and usage.get("cost")
        and not any(name in each.interaction.name for name in CHARGED_FOR_MORE_THAN_TOKENS)
    }
    wrong = {
        name: (cost, stored)
        for request_id, (name, cost) in charged.items()
        if (stored := calls[request_id]["cost_usd"]) is not None
        and not _same(stored, cost, cost / 10)  # a list price; who served it may be cheaper
    }
    assert charged
    assert not wrong, listed(wrong)


def _without_usage_option(request: Any) -> Any:
    """Return a request without what the product may add to it: the wish to be told the usage."""
    return {name: value for name, value in request.items() if name != "stream_options"}


def _price(interaction: Interaction, said: Said) -> Decimal | None:
    """Return the price by the published table, asked through its own library."""
    usage = Usage(**{name: count or None for name, count in tokens_of(said.usage or {}).items()})
    tier = {"service_tier": said.service_tier} if said.service_tier in DEARER_OR_CHEAPER else None
    for model in (said.model, interaction.model):
        try:
            priced = calc_price(
                usage, model, provider_id=interaction.provider, price_context=tier
            ).total_price
        except LookupError:
            continue
        # A free model that let another one answer says nothing about that one's price.
        return priced if model == said.model or priced else None
    return None


def _same(stored: Decimal | None, expected: Decimal | None, tolerance: Decimal) -> bool:
    if stored is None or expected is None:
        return stored is expected
    return abs(stored - expected) <= tolerance
