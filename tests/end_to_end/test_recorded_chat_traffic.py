"""Every recorded chat completion, of every provider, through the running product.

What the caller gets is what the provider sent, byte for byte; what the store holds is what the
provider said: model, finish reasons, usage and, where a price is known, the cost.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import pytest
from genai_prices import Usage, calc_price
from tests.equipment.interaction import Interaction
from tests.equipment.places import ABSENT, has_shared
from tests.equipment.raw_http import RawConnection, RawResponse, request_bytes
from tests.equipment.received import Received
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

HEADERS_THAT_MATTER: Final = ("content-type", "retry-after", "retry-after-ms")
RATE_LIMITS: Final = "x-ratelimit-"
TOKENS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
# DeepSeek's name, Together's and Mistral's
CACHED_BY_OTHER_NAMES: Final = ("prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens")
CHARGED_FOR_MORE_THAN_TOKENS: Final = ("openrouter_file_annotation",)  # a fee to read the PDF


@dataclass(frozen=True, slots=True)
class Passed:
    """One recording after its way through the product."""

    interaction: Interaction
    answer: RawResponse
    received: Received

    @property
    def request_id(self) -> str:
        return self.answer.header("x-request-id")


@pytest.fixture(scope="module")
def passed(stack: Stack, replay: ReplayProvider) -> list[Passed]:
    """Send every recording through the product, one after the other."""
    with stack.connect() as connection:
        return list(_send_all(stack, replay, connection))


@pytest.fixture(scope="module")
def calls(stack: Stack, passed: list[Passed]) -> dict[str, Row]:
    with Sql(stack.ports["sql"], stack.key) as sql:
        return {row["request_id"]: row for row in sql.calls([each.request_id for each in passed])}


def test_status_and_body_come_back_as_they_were_sent(passed: list[Passed]) -> None:
    wrong = [
        f"{each.interaction.name}: {each.answer.status} {_difference(each)}"
        for each in passed
        if each.answer.status != each.interaction.status
        or each.answer.body != each.interaction.served_body()
        or not each.answer.complete
    ]
    assert not wrong, _listed(wrong, passed)


def test_headers_that_matter_come_back(passed: list[Passed]) -> None:
    wrong = {
        each.interaction.name: (expected, got)
        for each in passed
        if (expected := _telling(each.interaction.served_headers()))
        != (got := _telling(each.answer.headers))
    }
    assert not wrong, _listed(wrong, passed)


def test_nothing_of_the_providers_account_comes_back(passed: list[Passed]) -> None:
    private = {"set-cookie", "openai-organization", "openai-project", "server", "cf-ray"}
    shown = {name.lower() for each in passed for name, _ in each.answer.headers}
    assert not shown & private


def test_the_provider_gets_what_the_caller_sent(passed: list[Passed]) -> None:
    wrong = [
        each.interaction.name
        for each in passed
        if _without_usage_option(each.received.json()) != _without_usage_option(_request(each))
    ]
    assert not wrong, _listed(wrong, passed)


def test_every_call_is_stored_once_with_what_was_said(
    passed: list[Passed], calls: dict[str, Row]
) -> None:
    wrong = {}
    for each in passed:
        row, said = calls[each.request_id], said_by(each.interaction)
        differences = _differences(row, said, each.interaction)
        if differences:
            wrong[each.interaction.name] = differences
    assert not wrong, _listed(wrong, passed)


def test_usage_is_what_the_provider_said(passed: list[Passed], calls: dict[str, Row]) -> None:
    wrong = {}
    for each in passed:
        usage = said_by(each.interaction).usage
        if usage is None or _contradicts_itself(usage):
            continue
        row = calls[each.request_id]
        stored = {name: row[name] for name in TOKENS}
        if stored != (expected := _tokens(usage)):
            wrong[each.interaction.name] = (expected, stored)
    assert not wrong, _listed(wrong, passed)


def test_usage_that_contradicts_itself_is_marked(
    passed: list[Passed], calls: dict[str, Row]
) -> None:
    """More cached tokens than tokens: kept so that nothing gets lost, and said to be repaired."""
    odd = [
        calls[each.request_id]
        for each in passed
        if (usage := said_by(each.interaction).usage) and _contradicts_itself(usage)
    ]
    assert odd
    assert all(row["usage_repaired"] for row in odd)


def test_cost_is_the_published_price_and_unknown_where_there_is_none(
    passed: list[Passed], calls: dict[str, Row]
) -> None:
    wrong = {}
    for each in passed:
        said = said_by(each.interaction)
        if said.usage is None or said.is_error or _contradicts_itself(said.usage):
            continue
        stored = calls[each.request_id]["cost_usd"]
        expected = _price(each.interaction, said)
        if not _same_cost(stored, expected):
            wrong[each.interaction.name] = (expected, stored)
    assert not wrong, _listed(wrong, passed)


def test_the_cost_is_what_openrouter_itself_charged(
    passed: list[Passed], calls: dict[str, Row]
) -> None:
    """OpenRouter says in its answers what it charged: a witness besides the table."""
    charged = [
        (each, Decimal(str(usage["cost"])))
        for each in passed
        if (usage := said_by(each.interaction).usage) and usage.get("cost")
    ]
    wrong = {
        each.interaction.name: (cost, stored)
        for each, cost in charged
        if (stored := calls[each.request_id]["cost_usd"]) is not None
        and abs(stored - cost) > cost / 10  # the table's list price; who served it may be cheaper
        and not any(name in each.interaction.name for name in CHARGED_FOR_MORE_THAN_TOKENS)
    }
    assert charged
    assert not wrong, _listed(wrong, passed)


def _send_all(stack: Stack, replay: ReplayProvider, connection: RawConnection) -> Iterator[Passed]:
    headers = (("Authorization", f"Bearer {stack.key}"), ("Content-Type", "application/json"))
    for interaction in chat_interactions():
        replay.put(interaction.provider, interaction)
        request = json.loads(interaction.request_body)
        request["model"] = f"{interaction.provider}/{request['model']}"
        body = json.dumps(request, ensure_ascii=False).encode()
        connection.send(request_bytes("/v1/chat/completions", body, headers=headers))
        answer = connection.read_response()
        assert replay.replayed, f"{interaction.name}: {answer.body[:300]!r}"
        given = replay.replayed[-1]
        assert given.interaction is interaction, f"{interaction.name}: {answer.body[:300]!r}"
        yield Passed(interaction, answer, given.received)


def _listed(wrong: dict[str, Any] | list[str], passed: list[Passed]) -> str:
    """Return the differences one to a line: there may be hundreds."""
    lines = (
        [f"{name}: {what}" for name, what in wrong.items()] if isinstance(wrong, dict) else wrong
    )
    return "\n".join([f"{len(lines)} of {len(passed)}", *lines])


def _request(each: Passed) -> Any:
    return json.loads(each.interaction.request_body)


def _without_usage_option(request: Any) -> Any:
    """Return a request without what the product may add to it: the wish to be told the usage."""
    return {name: value for name, value in request.items() if name != "stream_options"}


def _telling(headers: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return sorted(
        (name.lower(), value)
        for name, value in headers
        if name.lower() in HEADERS_THAT_MATTER or name.lower().startswith(RATE_LIMITS)
    )


def _difference(each: Passed) -> str:
    got, wanted = each.answer.body, each.interaction.served_body()
    at = next((i for i, (a, b) in enumerate(zip(got, wanted, strict=False)) if a != b), None)
    at = min(len(got), len(wanted)) if at is None else at
    return f"at {at} of {len(wanted)}: {got[at : at + 60]!r} for {wanted[at : at + 60]!r}"


def _differences(row: Row, said: Said, interaction: Interaction) -> dict[str, tuple[Any, Any]]:
    expected: dict[str, Any] = {
        "http_status": interaction.status,
        "is_stream": int(bool(json.loads(interaction.request_body).get("stream"))),
        "response_model": said.model,
        "finish_reasons": said.finish_reasons,
    }
    return {name: (value, row[name]) for name, value in expected.items() if row[name] != value}


def _tokens(usage: dict[str, Any]) -> dict[str, int]:
    """Return the counts as we mean them: input with cached tokens, output with thoughts."""
    details = usage.get("prompt_tokens_details") or {}
    prompt, completion = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    cached = [details.get("cached_tokens"), *(usage.get(name) for name in CACHED_BY_OTHER_NAMES)]
    # Gemini and xAI count thoughts in their total alone; others' totals are the plain sum.
    thoughts = max(0, (usage.get("total_tokens") or 0) - prompt - completion)
    return {
        "input_tokens": prompt,
        "output_tokens": completion + thoughts,
        "cache_read_tokens": next((count for count in cached if count), 0),
        "cache_write_tokens": details.get("cache_write_tokens") or 0,
    }


def _contradicts_itself(usage: dict[str, Any]) -> bool:
    tokens = _tokens(usage)
    return tokens["cache_read_tokens"] + tokens["cache_write_tokens"] > tokens["input_tokens"]


def _price(interaction: Interaction, said: Said) -> Decimal | None:
    """Return the price by the published table, asked through its own library."""
    usage = Usage(**{name: count or None for name, count in _tokens(said.usage or {}).items()})
    for model in (said.model, interaction.model):
        try:
            return calc_price(usage, model, provider_id=interaction.provider).total_price
        except LookupError:
            continue
    return None


def _same_cost(stored: Decimal | None, expected: Decimal | None) -> bool:
    if stored is None or expected is None:
        return stored is expected
    return abs(stored - expected) <= Decimal("1e-9")  # we round to whole nano-dollars
