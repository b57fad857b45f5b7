"""Recorded answers of real providers, as the tests of the wire use them."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from tests.equipment.interaction import Interaction
from tests.equipment.places import ABSENT, has_shared
from tests.equipment.recordings import chat_interactions

Test = Callable[[], None]


def needs_recordings(test: Test) -> Test:
    """Mark a test that reads recordings: skipped where there are none."""
    return pytest.mark.shared(pytest.mark.skipif(not has_shared(), reason=ABSENT)(test))


@cache
def streams() -> tuple[Interaction, ...]:
    """Return every recorded chat completion that was streamed and did not fail."""
    return tuple(
        each
        for each in chat_interactions()
        if each.response_header("content-type").startswith("text/event-stream")
    )


@cache
def whole_answers() -> tuple[Interaction, ...]:
    """Return every recorded chat completion whose answer is one JSON object, errors included."""
    return tuple(each for each in chat_interactions() if each.served_body().lstrip()[:1] == b"{")


def usages(each: Interaction) -> list[dict[str, Any]]:
    """Return every usage object with a total in a recorded answer, whole or streamed."""
    body = each.served_body()
    parsed = documents(body) if each in streams() else [json.loads(body)]
    found = [d.get("usage") or (d.get("x_groq") or {}).get("usage") for d in parsed]
    return [usage for usage in found if usage and "total_tokens" in usage]


def documents(stream: bytes) -> list[dict[str, Any]]:
    """Return the JSON of a stream's events, read line by line, without any of our code."""
    lines = stream.decode("utf-8-sig").splitlines()
    values = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    parsed = [json.loads(value) for value in values if value and value != "[DONE]"]
    return [each for each in parsed if isinstance(each, dict)]


@cache
def requests() -> tuple[Interaction, ...]:
    """Return every recorded chat completion request that names a model."""
    return tuple(each for each in chat_interactions() if b'"model"' in each.request_body)
