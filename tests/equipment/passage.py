"""Recordings on their way through the product, and how what came out differs from what went in."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.equipment.interaction import Headers, Interaction
from tests.equipment.raw_http import RawConnection, RawResponse, request_bytes
from tests.equipment.received import Received
from tests.equipment.replay_provider import ReplayProvider
from tests.equipment.sql import Row
from tests.equipment.sse_events import said_by
from tests.equipment.stack import Stack

ROUTE: Final = "/v1/chat/completions"
HEADERS_THAT_MATTER: Final = ("content-type", "retry-after", "retry-after-ms")
RATE_LIMITS: Final = "x-ratelimit-"
TOKENS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
# DeepSeek's name, Together's and Mistral's
CACHED_BY_OTHER_NAMES: Final = ("prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens")


@dataclass(frozen=True, slots=True)
class Passed:
    """One recording after its way through the product."""

    interaction: Interaction
    answer: RawResponse
    received: Received

    @property
    def request_id(self) -> str:
        return self.answer.header("x-request-id")


def send_all(
    stack: Stack, replay: ReplayProvider, interactions: Iterable[Interaction]
) -> list[Passed]:
    """Send recordings through the product, one after the other, each on its provider's lane."""
    with stack.connect() as connection:
        return list(_send(stack, replay, interactions, connection))


def unlike(each: Passed) -> str:
    """Return how status, headers that matter or body differ from the recording; "" when equal."""
    wanted, got = each.interaction.served_body(), each.answer.body
    if each.answer.status != each.interaction.status:
        return f"status {each.answer.status} for {each.interaction.status}"
    if not each.answer.complete:
        return "not complete"
    if got != wanted:
        pairs = enumerate(zip(got, wanted, strict=False))
        at = next((at for at, (a, b) in pairs if a != b), min(len(got), len(wanted)))
        return f"at {at} of {len(wanted)}: {got[at : at + 60]!r} for {wanted[at : at + 60]!r}"
    sent, came = telling(each.interaction.served_headers()), telling(each.answer.headers)
    return f"headers {came} for {sent}" if sent != came else ""


def telling(headers: Headers) -> list[tuple[str, str]]:
    """Return the headers that must come back, whatever the provider."""
    return sorted(
        (name.lower(), value)
        for name, value in headers
        if name.lower() in HEADERS_THAT_MATTER or name.lower().startswith(RATE_LIMITS)
    )


def misfiled(row: Row, interaction: Interaction) -> dict[str, tuple[Any, Any]]:
    """Return the columns of a stored call that are not what the provider said, both values each."""
    said = said_by(interaction)
    expected: dict[str, Any] = {
        "http_status": interaction.status,
        "is_stream": int(bool(json.loads(interaction.request_body).get("stream"))),
        "response_model": said.model,
        "finish_reasons": said.finish_reasons,
    }
    return {name: (value, row[name]) for name, value in expected.items() if row[name] != value}


def tokens_of(usage: dict[str, Any]) -> dict[str, int]:
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


def contradicts_itself(usage: dict[str, Any]) -> bool:
    """Tell whether a provider reports more cached tokens than tokens."""
    tokens = tokens_of(usage)
    return tokens["cache_read_tokens"] + tokens["cache_write_tokens"] > tokens["input_tokens"]


def listed(wrong: dict[str, Any]) -> str:
    """Return differences one to a line: there may be hundreds."""
    return "\n".join([f"{len(wrong)} differ", *(f"{name}: {what}" for name, what in wrong.items())])


def _send(
    stack: Stack,
    replay: ReplayProvider,
    interactions: Iterable[Interaction],
    connection: RawConnection,
) -> Iterator[Passed]:
    headers = (("Authorization", f"Bearer {stack.key}"), ("Content-Type", "application/json"))
    for interaction in interactions:
        replay.put(interaction.provider, interaction)
        request = json.loads(interaction.request_body)
        request["model"] = f"{interaction.provider}/{request['model']}"
        body = json.dumps(request, ensure_ascii=False).encode()
        connection.send(request_bytes(ROUTE, body, headers=headers))
        answer = connection.read_response()
        if not replay.replayed or replay.replayed[-1].interaction is not interaction:
            raise AssertionError(f"{interaction.name} was not asked for: {answer.body[:300]!r}")
        yield Passed(interaction, answer, replay.replayed[-1].received)
