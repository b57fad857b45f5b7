"""An answer's summary is the same however it was delivered, and holds what the answer said."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.wire import recorded
from tests.proxy.wire.recorded import needs_recordings

from tollkeeper.pricing import Usage
from tollkeeper_proxy.wire import AnswerSummary
from tollkeeper_proxy.wire.openai_answer import MAX_KEPT_CHARACTERS, AnswerFold, summarise
from tollkeeper_proxy.wire.openai_usage import usage_of
from tollkeeper_proxy.wire.sse import Event, EventSplitter


def fold(*documents: dict[str, Any], done: bool = True) -> AnswerFold:
    """Return a fold that has taken these chunks of a stream."""
    folded = AnswerFold()
    for document in documents:
        folded.add_event(Event(b"data: " + orjson.dumps(document) + b"\n\n"))
    if done:
        folded.add_event(Event(b"data: [DONE]\n\n"))
    return folded


def delta(index: int = 0, *, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": fields, "finish_reason": finish}]}


def parts(summary: AnswerSummary, index: int = 0) -> Any:
    return summary.output_messages[index]["parts"]


def test_joins_the_text_of_all_deltas() -> None:
    summary = fold(delta(content="Hel"), delta(content="lo"), delta(finish="stop")).summary()
    assert summary.output_messages == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "Hello"}],
            "finish_reason": "stop",
        }
    ]
    assert summary.finish_reasons == ["stop"]
    assert summary.done


def test_keeps_choices_apart_and_in_order() -> None:
    summary = fold(
        delta(1, content="b"),
        delta(0, content="a"),
        delta(1, finish="stop"),
        delta(0, finish="length"),
    ).summary()
    assert [parts(summary, i)[0]["content"] for i in (0, 1)] == ["a", "b"]
    assert summary.finish_reasons == ["length", "stop"]


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_keeps_reasoning_apart_from_the_answer(name: str) -> None:
    fields: dict[str, Any] = {name: "hm"}
    summary = fold(delta(**fields), delta(content="yes")).summary()
    assert parts(summary) == [
        {"type": "reasoning", "content": "hm"},
        {"type": "text", "content": "yes"},
    ]


def test_reads_mistrals_thinking_parts() -> None:
    thinking = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]
    summary = fold(
        delta(content=thinking),
        delta(content=[{"type": "text", "text": "yes"}]),
        delta(content="!"),
    ).summary()
    assert parts(summary) == [
        {"type": "reasoning", "content": "hm"},
        {"type": "text", "content": "yes!"},
    ]


def test_joins_the_arguments_of_each_tool_call() -> None:
    first = {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}}
    second = {"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}}
    more = {"index": 0, "function": {"arguments": ":1}"}}
    summary = fold(delta(tool_calls=[first]), delta(tool_calls=[second, more])).summary()
    assert parts(summary) == [
        {"type": "tool_call", "id": "a", "name": "f", "arguments": '{"x":1}'},
        {"type": "tool_call", "id": "b", "name": "g", "arguments": "{}"},
    ]


def test_tool_calls_without_an_index_are_told_apart_by_place() -> None:
    calls = [{"id": "a", "function": {"name": "f"}}, {"id": "b", "function": {"name": "g"}}]
    assert [p["id"] for p in parts(fold(delta(tool_calls=calls)).summary())] == ["a", "b"]


def test_reads_the_function_call_of_old() -> None:
    call = {"name": "f", "arguments": '{"x":1}'}
    assert parts(fold(delta(function_call=call)).summary()) == [
        {"type": "tool_call", "id": "", "name": "f", "arguments": '{"x":1}'}
    ]
    empty = delta(function_call={"name": "", "arguments": ""}, content="a")
    assert parts(fold(empty).summary()) == [{"type": "text", "content": "a"}]


def test_the_last_usage_counts() -> None:
    first = {**delta(content="a"), "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
    last = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    null: dict[str, Any] = {"choices": [], "usage": None}
    assert fold(first, last, null).summary().usage == Usage(3, 2)


def test_a_usage_of_zeros_is_a_usage() -> None:
    zeros = {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}}
    assert fold(zeros).summary().usage == Usage()
    assert fold(delta(content="a")).summary().usage is None


def test_reads_usage_where_groq_puts_it() -> None:
    chunk = {
        **delta(finish="stop"),
        "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 2}},
    }
    assert fold(chunk).summary().usage == Usage(3, 2)


@pytest.mark.parametrize(
    ("error", "name"),
    [
        ({"message": "no", "code": "rate_limit_exceeded", "type": "x"}, "rate_limit_exceeded"),
        ({"message": "no", "code": None, "type": "server_error"}, "server_error"),
        ({"message": "no", "code": 503}, "503"),
        ({"status": "UNAVAILABLE"}, "UNAVAILABLE"),
        ("broken", "error"),
        ({}, "error"),
    ],
)
def test_an_error_inside_a_stream_is_noted(error: object, name: str) -> None:
    assert fold(delta(content="a"), {"error": error}).summary().error_type == name


def test_a_null_error_is_none() -> None:
    assert fold({**delta(content="a"), "error": None}).summary().error_type == ""


def test_only_an_end_that_was_said_is_an_end() -> None:
    assert fold(delta(content="a"), done=True).finished
    assert fold(delta(content="a", finish="stop"), done=False).finished
    assert not fold(delta(content="a"), done=False).finished
    assert not fold(done=False).finished


def test_one_finished_choice_of_two_is_no_end() -> None:
    half = (delta(0, content="a"), delta(1, content="b"), delta(0, finish="stop"))
    assert not fold(*half, done=False).finished
    assert fold(*half, delta(1, finish="stop"), done=False).finished


@pytest.mark.parametrize(
    "data",
    [
        b"not json",
        b"[]",
        b'"text"',
        b"null",
        b'{"choices": 3}',
        b'{"choices": [3, null, {"delta": 3}, {"index": "x", "delta": {"content": 5}}]}',
        b'{"choices": [{"delta": {"tool_calls": [3, {"function": 3, "index": "x"}]}}]}',
        b'{"usage": {"prompt_tokens": "x"}, "error": null}',
        b'{"choices": [{"delta": {"content": "\xff"}}]}',
        b"[" * 100_000,
    ],
)
def test_what_makes_no_sense_is_passed_over(data: bytes) -> None:
    folded = AnswerFold()
    folded.add_event(Event(b"data: " + data + b"\n\n"))
    folded.add_event(Event(b'data: {"choices":[{"index":0,"delta":{"content":"ok"}}]}\n\n'))
    assert {"type": "text", "content": "ok"} in parts(folded.summary())
    assert summarise(data).done


def test_keeps_no_more_text_than_the_bound() -> None:
    folded = fold(*[delta(content="a" * 100_000, reasoning="b" * 100_000) for _ in range(5)])
    kept = sum(len(part["content"]) for part in parts(folded.summary()))
    assert kept == MAX_KEPT_CHARACTERS
    assert folded.text_characters == 1_000_000
    whole = {"choices": [{"message": {"content": "a" * 1_000_000}}]}
    assert len(parts(summarise(orjson.dumps(whole)))[0]["content"]) == MAX_KEPT_CHARACTERS


@given(st.lists(st.tuples(st.integers(0, 2), st.text(max_size=5)), max_size=20))
def test_a_stream_and_the_whole_answer_have_one_summary(deltas: list[tuple[int, str]]) -> None:
    texts = {i: "".join(t for j, t in deltas if j == i) for i, t in deltas if t}
    streamed = fold(*[delta(i, content=t) for i, t in deltas if t]).summary()
    whole = summarise(
        orjson.dumps(
            {"choices": [{"index": i, "message": {"content": t}} for i, t in texts.items()]}
        )
    )
    assert streamed == whole


def joined(stream: bytes, field: str) -> dict[int, str]:
    """Return the concatenated text of one field of each choice, read without any of our code."""
    texts: dict[int, str] = {}
    for document in recorded.documents(stream):
        for choice in document.get("choices") or []:
            value = (choice.get("delta") or {}).get(field)
            if isinstance(value, str) and value:
                texts[choice["index"]] = texts.get(choice["index"], "") + value
    return texts


def kept(summary: AnswerSummary, kind: str) -> dict[int, str]:
    found = {}
    for index, message in enumerate(summary.output_messages):
        for part in message["parts"]:  # type: ignore[attr-defined]  # JSON
            if part["type"] == kind:
                found[index] = part["content"]
    return found


@needs_recordings
def test_every_recorded_stream_is_folded_as_its_events_say() -> None:
    checked = 0
    for each in recorded.streams():
        body = each.served_body()
        folded = AnswerFold()
        for event in EventSplitter().feed(body):
            folded.add_event(event)
        summary = folded.summary()
        parsed = recorded.documents(body)
        if not any(
            isinstance((c.get("delta") or {}).get("content"), list)
            for d in parsed
            for c in d.get("choices") or []
        ):
            assert kept(summary, "text") == joined(body, "content"), each.name
        assert summary.done == (b"data: [DONE]" in body), each.name
        assert folded.finished or summary.error_type, each.name
        reasons = [
            c["finish_reason"]
            for d in parsed
            for c in d.get("choices") or []
            if c.get("finish_reason")
        ]
        assert sorted(summary.finish_reasons) == sorted(reasons)[: len(summary.finish_reasons)], (
            each.name
        )
        assert bool(summary.finish_reasons) == bool(reasons), each.name
        told = recorded.usages(each)
        assert summary.usage == (usage_of(told[-1]) if told else None), each.name
        checked += 1
    assert checked > 40


@needs_recordings
def test_every_recorded_whole_answer_is_summarised_as_it_says() -> None:
    checked = 0
    for each in recorded.whole_answers():
        document = json.loads(each.served_body())
        summary = summarise(each.served_body())
        assert summary.response_id == (document.get("id") or ""), each.name
        assert summary.model == (document.get("model") or ""), each.name
        assert bool(summary.error_type) == bool(document.get("error")), each.name
        choices = document.get("choices") or []
        assert len(summary.output_messages) == len(choices), each.name
        for choice, message in zip(choices, summary.output_messages, strict=True):
            said = choice.get("message") or {}
            calls = [p for p in message["parts"] if p["type"] == "tool_call"]  # type: ignore[attr-defined]  # JSON
            wanted = said.get("tool_calls") or []
            assert [p["arguments"] for p in calls][: len(wanted)] == [
                c["function"].get("arguments", "") if "function" in c else c["custom"]["input"]
                for c in wanted
            ], each.name
            texts = [p["content"] for p in message["parts"] if p["type"] == "text"]  # type: ignore[attr-defined]  # JSON
            if isinstance(said.get("content"), str):
                assert "".join(texts) == (said["content"] + (said.get("refusal") or "")), each.name
        checked += 1
    assert checked > 500
