import json

from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_collector.content.messages import (
    PREVIEW_CHARACTERS,
    Message,
    messages_of,
    preview,
    value_message,
)
from tollkeeper_collector.content.places import Kind, place_of


def read(**attributes: str) -> list[tuple[Kind, str, object]]:
    pieces = [
        (place, value)
        for key, value in attributes.items()
        if (place := place_of(key.replace("__", "."))) is not None
    ]
    return [(kind, role, json.loads(text)) for kind, role, text in messages_of(pieces)]


def test_a_list_of_messages_is_one_message_each_in_order() -> None:
    user = {"role": "user", "parts": [{"type": "text", "content": "hi"}]}
    tool = {"role": "tool", "parts": []}
    assert read(gen_ai__input__messages=json.dumps([user, tool])) == [
        ("input", "user", user),
        ("input", "tool", tool),
    ]


def test_equal_messages_are_equal_however_their_keys_were_ordered() -> None:
    one = '[{"role":"user","parts":[]}]'
    other = '[ {"parts": [], "role": "user"} ]'
    place = place_of("gen_ai.input.messages")
    assert place is not None
    assert messages_of([(place, one)]) == messages_of([(place, other)])


def test_flattened_messages_are_put_together_by_index() -> None:
    prefix = "llm.output_messages"
    pieces = {
        f"{prefix}.10.message.role": "assistant",
        f"{prefix}.2.message.role": "user",
        f"{prefix}.2.message.contents.0.message_content.type": "text",
        f"{prefix}.2.message.contents.0.message_content.text": "look",
        f"{prefix}.2.message.contents.1.message_content.type": "image",
        f"{prefix}.2.message.contents.1.message_content.image.image.url": "data:",
        f"{prefix}.10.message.tool_calls.0.tool_call.id": "c1",
        f"{prefix}.10.message.tool_calls.0.tool_call.function.name": "f",
        f"{prefix}.10.message.tool_calls.0.tool_call.function.arguments": "{}",
    }
    found = [(place, value) for key, value in pieces.items() if (place := place_of(key))]
    first, second = (json.loads(message.text) for message in messages_of(found))
    assert first == {
        "role": "user",
        "parts": [
            {"type": "text", "content": "look"},
            {"type": "image", "image.image.url": "data:"},
        ],
    }
    assert second == {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "c1", "name": "f", "arguments": "{}"}],
    }


def test_a_tools_answer_keeps_the_call_it_answers() -> None:
    pieces = {
        "llm.input_messages.0.message.role": "tool",
        "llm.input_messages.0.message.content": "42",
        "llm.input_messages.0.message.tool_call_id": "c1",
    }
    found = [(place, value) for key, value in pieces.items() if (place := place_of(key))]
    [message] = messages_of(found)
    assert json.loads(message.text)["parts"] == [
        {"type": "tool_call_response", "id": "c1", "response": "42"}
    ]


def test_only_the_best_form_of_a_kind_is_kept() -> None:
    pieces = [
        (place_of("input.value"), "{}"),
        (place_of("llm.input_messages.0.message.content"), "hi"),
        (place_of("output.value"), "bye"),
    ]
    kinds = [message.kind for message in messages_of((p, v) for p, v in pieces if p)]
    assert kinds == ["input", "output"]
    texts = [message.text for message in messages_of((p, v) for p, v in pieces if p)]
    assert "hi" in texts[0]


def test_what_is_cut_short_becomes_one_message_with_its_text() -> None:
    [(kind, role, body)] = read(gen_ai__input__messages='[{"role":"us')
    assert (kind, role) == ("input", "")
    assert body == {"role": "", "parts": [{"type": "text", "content": '[{"role":"us'}]}


@given(st.text(max_size=300))
def test_no_text_can_make_it_fail(text: str) -> None:
    for key in ("gen_ai.input.messages", "input.value", "gen_ai.prompt.0.content"):
        place = place_of(key)
        assert place is not None
        for message in messages_of([(place, text)]):
            json.loads(message.text)
            assert len(preview(message)) <= PREVIEW_CHARACTERS


def test_a_preview_is_what_was_said_not_how_it_was_packed() -> None:
    assert preview(value_message("input", "x" * 9999)) == "x" * PREVIEW_CHARACTERS
    assert preview(Message("input", "user", '{"content":"plain","role":"user"}')) == "plain"
    assert preview(Message("tools", "", '["a"]')) == '["a"]'


def test_absurd_nesting_is_kept_as_text() -> None:
    deep = "[" * 500 + "]" * 500
    [(_, _, body)] = read(gen_ai__input__messages=deep)
    assert body == {"role": "", "parts": [{"type": "text", "content": deep}]}
