"""The example of a schema fits the schema, for what SDKs make of types, and never costs much."""

import enum
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from tollkeeper_proxy.upstream.demo_schema import MAX_VALUES, example_of


class Colour(enum.Enum):
    red = "red"
    blue = "blue"


class Place(BaseModel):
    name: str
    near: list["Place"]
    parent: "Place | None"


class Order(BaseModel):
    title: str
    count: int
    price: float
    paid: bool
    colour: Colour
    kind: Literal["a", "b"]
    note: str | None
    tags: list[str]
    place: Place
    either: int | str


@pytest.mark.parametrize("model", [Order, Place])
def test_what_pydantic_asks_for_it_can_read(model: type[BaseModel]) -> None:
    model.model_validate(example_of(model.model_json_schema(), "hi"))


def test_free_strings_are_the_text() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": ["string"]}}}
    assert example_of(schema, "hi") == {"a": "hi", "b": "hi"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"enum": ["x", "y"]}, "x"),
        ({"const": 3}, 3),
        ({"type": "integer"}, 1),
        ({"type": "null"}, None),
        ({"type": "array", "items": {"type": "boolean"}}, [True]),
        ({"type": "array"}, []),
        ({"type": "object"}, {}),
        ({"type": ["null", "string"]}, None),
        ({}, {}),
        (None, {}),
        (3, {}),
        ({"$ref": "#/nowhere/at/all"}, {}),
        ({"$ref": "https://example.org/schema"}, {}),
        ({"anyOf": []}, {}),
        ({"properties": {"a": True}}, {}),
    ],
)
def test_knows_the_plain_kinds_and_is_not_thrown_by_nonsense(schema: object, value: object) -> None:
    assert example_of(schema, "hi") == value


def _count(value: object) -> int:
    if isinstance(value, (dict, list)):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + sum(_count(each) for each in inner)
    return 1


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"$ref": "#"}},
        {"properties": {name: {"$ref": "#"} for name in "abcdefghij"}},
        {"type": "array", "items": {"type": "array", "items": {"$ref": "#"}}},
        {"anyOf": [{"$ref": "#"}]},
        {"$ref": "#"},
    ],
)
def test_a_schema_that_refers_to_itself_ends(schema: dict[str, Any]) -> None:
    assert _count(example_of(schema, "hi")) <= MAX_VALUES + 1


def test_a_schema_nested_deeply_ends() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(90):
        schema = {"type": "array", "items": schema}
    assert example_of(schema, "hi")
