"""Messages for telemetry: every text cleaned, nothing of media but its name."""

from typing import Any

import pytest

from tollkeeper_proxy.wire.openai_messages import input_messages, output_messages, tool_definitions


def clean(text: str) -> str:
    return text.replace("SECRET", "[gone]")


def made(*messages: Any) -> list[dict[str, object]]:
    return input_messages({"messages": list(messages)}, clean)


def test_texts_become_parts() -> None:
    assert made(
        {"role": "system", "content": "be brief"}, {"role": "user", "content": "SECRET"}
    ) == [
        {"role": "system", "parts": [{"type": "text", "content": "be brief"}]},
        {"role": "user", "parts": [{"type": "text", "content": "[gone]"}]},
    ]


def test_content_parts_stay_in_order() -> None:
    parts = [
        {"type": "text", "text": "look: SECRET"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/SECRET.png"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "AAAA", "filename": "SECRET.pdf"}},
        {"type": "refusal", "refusal": "SECRET"},
    ]
    assert made({"role": "user", "content": parts})[0]["parts"] == [
        {"type": "text", "content": "look: [gone]"},
        {"type": "uri", "modality": "image", "uri": "data:image/png;base64"},
        {"type": "uri", "modality": "image", "uri": "https://example.org/[gone].png"},
        {"type": "input_audio"},
        {"type": "file"},
        {"type": "text", "content": "[gone]"},
    ]


def test_tool_calls_and_their_results_are_kept() -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "f", "arguments": '{"a":"SECRET"}'},
    }
    assert made(
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "SECRET"},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "SECRET"}]},
    ) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "tool_call", "id": "c1", "name": "f", "arguments": '{"a":"[gone]"}'}
            ],
        },
        *[
            {
                "role": "tool",
                "parts": [{"type": "tool_call_response", "id": "c1", "response": "[gone]"}],
            }
        ]
        * 2,
    ]


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"role": None, "content": 3},
        {"role": 7, "content": {"a": "SECRET"}},
        {"content": [3, None, "SECRET", {"type": None}, {"type": "text", "text": 3}]},
        {"role": "assistant", "tool_calls": "SECRET"},
        {"role": "assistant", "tool_calls": [3, {"function": "SECRET"}, {"function": {}}]},
        {"role": "assistant", "tool_calls": [{"function": {"arguments": {"a": "SECRET"}}}]},
        {"role": "tool", "content": {"a": "SECRET"}},
        {"role": "user", "content": [{"type": "image_url", "image_url": "SECRET"}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": 3}}]},
    ],
)
def test_odd_messages_neither_fail_nor_leak(message: dict[str, Any]) -> None:
    assert "SECRET" not in str(made(message))


@pytest.mark.parametrize("document", [{}, {"messages": None}, {"messages": "x"}, {"messages": [3]}])
def test_no_messages_are_none(document: dict[str, Any]) -> None:
    assert input_messages(document, clean) == []


def test_answers_are_cleaned_and_else_left_as_they_are() -> None:
    message = {
        "role": "assistant",
        "parts": [
            {"type": "text", "content": "SECRET"},
            {"type": "reasoning", "content": "SECRET"},
            {"type": "tool_call", "id": "c", "name": "f", "arguments": "SECRET"},
            {"type": "odd", "content": 3},
        ],
        "finish_reason": "stop",
    }
    told = output_messages([message], clean)
    assert told == [
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "[gone]"},
                {"type": "reasoning", "content": "[gone]"},
                {"type": "tool_call", "id": "c", "name": "f", "arguments": "[gone]"},
                {"type": "odd", "content": 3},
            ],
            "finish_reason": "stop",
        }
    ]
    assert "SECRET" in str(message)


def test_tools_are_told_by_name() -> None:
    tools = [
        {"type": "function", "function": {"name": "f", "parameters": {"big": "schema"}}},
        {"type": "custom", "name": "g"},
        {"function": {}},
        3,
    ]
    assert tool_definitions({"tools": tools}) == [
        {"type": "function", "name": "f"},
        {"type": "custom", "name": "g"},
        {"type": "function", "name": ""},
    ]
    assert tool_definitions({}) == []
