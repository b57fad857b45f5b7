"""A demo reply is well formed whatever was asked, and structured where structure was asked for."""

import json
from typing import Any

import pytest

from tollkeeper_proxy.upstream.demo_reply import DemoReply


def reply(*, calls_tools: bool = False, **fields: Any) -> DemoReply:
    request = {"model": "echo", "messages": [{"role": "user", "content": "hi"}], **fields}
    return DemoReply(request, "d" * 64, calls_tools=calls_tools)


def content(made: DemoReply) -> Any:
    return json.loads(made.whole())["choices"][0]["message"]["content"]


def test_json_is_given_where_json_is_asked_for() -> None:
    assert json.loads(content(reply(response_format={"type": "json_object"}))) == {"text": "hi"}


def test_a_schema_is_followed() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}, "s": {"type": "string"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert json.loads(content(reply(response_format=wanted))) == {"n": 1, "s": "hi"}


@pytest.mark.parametrize(
    "wanted", [None, "json", {"type": "text"}, {"type": "json_schema"}, {"json_schema": 3}]
)
def test_other_wishes_get_the_text(wanted: object) -> None:
    assert content(reply(response_format=wanted)) == "hi"


def test_events_and_the_whole_tell_of_one_answer() -> None:
    made = reply()
    events = [event.removeprefix(b"data: ") for event in made.events()]
    chunks = [json.loads(event) for event in events[:-1]]
    answer = json.loads(made.whole())
    assert {chunk["id"] for chunk in chunks} == {answer["id"]}
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert events[-1] == b"[DONE]\n\n"


def test_tokens_are_counted_never_zero() -> None:
    usage = json.loads(reply(messages=[]).whole())["usage"]
    assert usage["prompt_tokens"] >= 1
    assert usage["completion_tokens"] >= 1
