"""Every text of a document has a path, and the path leads back to it."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_proxy.wire.json_texts import put, texts

KEYS = st.text(st.sampled_from("ab.~01"), max_size=3)
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_paths_are_unique_and_lead_back(document: dict[str, Any]) -> None:
    found = texts(document)
    assert len(dict(found)) == len(found)
    for number, (path, _) in enumerate(found):
        put(document, path, f"<{number}>")
    assert texts(document) == [(path, f"<{i}>") for i, (path, _) in enumerate(found)]


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_putting_a_text_changes_that_text_only(document: dict[str, Any]) -> None:
    for path, _ in texts(document):
        changed = copy.deepcopy(document)
        put(changed, path, "new!")
        before, after = dict(texts(document)), dict(texts(changed))
        assert after == {**before, path: "new!"}


def test_paths_say_where_a_text_stands() -> None:
    document: dict[str, Any] = {
        "messages": [{"content": [{"text": "a"}]}],
        "x.y": {"~": ["b"]},
        "user": "c",
    }
    assert texts(document) == [
        ("messages.0.content.0.text", "a"),
        ("x~1y.~0.0", "b"),
        ("user", "c"),
    ]


@pytest.mark.parametrize(
    "document",
    [
        {"model": "m"},
        {"messages": [{"role": "user", "tool_call_id": "call 4111"}]},
        {"messages": [{"tool_calls": [{"id": "call 4111", "type": "function"}]}]},
        {"input_audio": {"data": "AAAA"}},
        {"file": {"file_data": "AAAA", "file_id": "f"}},
        {"image_url": {"url": "data:image/png;base64,AAAA"}},
        {"tools": [{"parameters": {"type": "object", "required": ["string"]}}]},
    ],
)
def test_what_is_no_text_has_no_path(document: dict[str, Any]) -> None:
    assert texts(document) == []


@pytest.mark.parametrize(
    "document",
    [
        {"": {"model": "m"}},
        {"x": {"model": "m"}},
        {"metadata": {"id": "m"}},
        {"image_url": {"url": "data:text/plain,hello"}},
        {"image_url": {"url": "https://example.org/me"}},
        {"link": {"url": "data:image/png;base64,AAAA"}},
        {"role": "somebody"},
    ],
)
def test_the_same_names_elsewhere_are_text(document: dict[str, Any]) -> None:
    assert len(texts(document)) == 1
