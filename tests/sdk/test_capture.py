"""What a span may show of a value: bounded, harmless, and never an exception."""

import dataclasses
import json
from collections import UserDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from tollkeeper.capture import HIDDEN, MAX_CHARACTERS, rendered, text

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.tuples(inner)
        | st.frozensets(st.text())
    ),
)


@given(value=ANYTHING)
def test_anything_becomes_text_that_can_be_sent(value: object) -> None:
    shown = rendered(value)
    assert len(shown) <= MAX_CHARACTERS
    shown.encode("utf-8")


@given(value=st.text(alphabet=st.characters(), max_size=50), limit=st.integers(1, 60))
def test_text_is_cut_at_the_limit_and_not_before(value: str, limit: int) -> None:
    shown = text(value, limit)
    assert len(shown) <= limit
    if len(value) <= limit and value.isascii():
        assert shown == value


def test_a_lone_surrogate_is_replaced() -> None:
    assert text("a\ud800b") == "a?b"


def test_a_string_stays_as_it_is_and_structures_become_json() -> None:
    assert rendered("hello") == "hello"
    assert json.loads(rendered({"a": [1, None, "é"]})) == {"a": [1, None, "é"]}


def test_dataclasses_and_models_show_their_fields() -> None:
    @dataclasses.dataclass
    class Point:
        x: int

    class Model(BaseModel):
        name: str
        key: SecretStr

    assert json.loads(rendered(Point(1))) == {"x": 1}
    shown = rendered(Model(name="n", key=SecretStr("hush")))
    assert json.loads(shown) == {"name": "n", "key": "<SecretStr>"}


def test_an_unknown_object_shows_its_class_and_runs_no_code() -> None:
    class Loud:
        def __repr__(self) -> str:
            raise AssertionError("nobody asked")

    assert (
        rendered([Loud()])
        == '["<test_an_unknown_object_shows_its_class_and_runs_no_code.<locals>.Loud>"]'
    )


def test_a_structure_that_fails_while_it_is_read_is_named() -> None:
    class Broken(UserDict[str, int]):
        def items(self) -> object:  # type: ignore[override]  # broken on purpose
            raise RuntimeError("changed under you")

    assert rendered(Broken()) == (
        "<unreadable <test_a_structure_that_fails_while_it_is_read_is_named.<locals>.Broken>>"
    )


def test_a_structure_that_holds_itself_ends() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert rendered(loop).count("[") <= 10


def test_a_huge_structure_costs_a_small_walk() -> None:
    class Counting(list[int]):
        looked_at = 0

        def __iter__(self) -> object:  # type: ignore[override]  # counts what is read
            for item in range(10**9):
                Counting.looked_at += 1
                yield item

    rendered(Counting())
    assert Counting.looked_at <= 1_001


@pytest.mark.parametrize(
    "value",
    [
        {"api_key": "abc"},
        {"headers": {"Authorization": "Bearer abc"}},
        "Incorrect API key provided: sk-abcdefghijklmnop1234",
        ["tk-ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-abcdefg"],
    ],
)
def test_keys_are_taken_out(value: object) -> None:
    shown = rendered(value)
    assert HIDDEN in shown
    assert "abc" not in shown.lower()
