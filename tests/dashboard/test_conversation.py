"""Stored messages as text to show, whatever they turn out to be."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_dashboard.conversation import MAX_CHARACTERS, Piece, shown


def test_text_parts_are_shown_in_order() -> None:
    said = {"role": "user", "parts": [{"type": "text", "content": t} for t in ("one", "two")]}
    assert shown(json.dumps(said)).pieces == (Piece("one"), Piece("two"))


def test_the_role_of_the_row_stands_in_for_a_missing_one() -> None:
    assert shown('{"parts": []}', "tool").role == "tool"
    assert shown('{"role": "user", "parts": []}', "tool").role == "user"


def test_a_tool_call_names_the_tool_and_shows_its_arguments() -> None:
    part = {"type": "tool_call", "name": "search", "id": "1", "arguments": {"q": "é"}}
    (piece,) = shown(json.dumps({"role": "assistant", "parts": [part]})).pieces
    assert piece.label == "calls search"
    assert json.loads(piece.text) == {"q": "é"}


@pytest.mark.parametrize("field", ["response", "result"])
def test_a_tool_result_is_found_under_both_its_names(field: str) -> None:
    part = {"type": "tool_call_response", "id": "1", field: "42"}
    (piece,) = shown(json.dumps({"role": "tool", "parts": [part]})).pieces
    assert piece == Piece("42", "tool result")


def test_reasoning_is_labelled() -> None:
    part = {"type": "reasoning", "content": "hm"}
    assert shown(json.dumps({"parts": [part]})).pieces == (Piece("hm", "reasoning"),)


def test_a_picture_is_named_and_not_shown() -> None:
    part = {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA"}
    (piece,) = shown(json.dumps({"parts": [part]})).pieces
    assert piece.label == "image"
    assert "AAAA" not in piece.text


def test_the_finish_reason_is_kept() -> None:
    assert (
        shown('{"role": "assistant", "finish_reason": "stop", "parts": []}').finish_reason == "stop"
    )


def test_a_tool_definition_is_shown_whole() -> None:
    (piece,) = shown('{"type": "function", "name": "search"}').pieces
    assert piece.label == "tool definition"
    assert json.loads(piece.text)["name"] == "search"


def test_what_is_too_long_is_cut_and_said() -> None:
    (piece,) = shown("x" * (MAX_CHARACTERS + 5)).pieces
    assert piece.text.endswith("… cut: 5 more characters")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["role", "parts", "type", "content", "name", "x"]), inner)
    ),
)


@given(body=JSON)
def test_any_json_can_be_shown(body: object) -> None:
    for piece in shown(json.dumps(body)).pieces:
        assert isinstance(piece.text, str)


@given(content=st.text())
def test_any_text_can_be_shown(content: str) -> None:
    assert shown(content).pieces


def test_absurd_nesting_can_be_shown() -> None:
    assert shown("[" * 100_000).pieces
