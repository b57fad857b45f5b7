"""A small value that fits a JSON schema, for a provider that has nothing to say of its own.

Knows what SDKs generate from types: objects, arrays, enumerations, ``$ref``, ``anyOf``. A schema
that refers to itself is followed a few levels, then everything that may be left out is.
"""

from typing import Final, cast

FULL_DEPTH: Final = 4  # below it lists are empty, and what may be null or absent is
MAX_DEPTH: Final = 16  # for schemas that have no end
MAX_VALUES: Final = 2_000

_PLAIN: Final[dict[str, object]] = {"integer": 1, "number": 1, "boolean": True, "null": None}

Schema = dict[str, object]


def example_of(schema: object, text: str) -> object:
    """Return a value of ``schema``, with ``text`` wherever a free string may stand."""
    root = cast("Schema", schema) if isinstance(schema, dict) else {}
    return _Maker(root, text).value(root, 0)


class _Maker:
    """Makes the values of one schema; counts them."""

    def __init__(self, root: Schema, text: str) -> None:
        self._root = root
        self._text = text
        self._left = MAX_VALUES

    def value(self, schema: Schema, depth: int) -> object:
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            return None
        schema = self._resolved(schema, depth)
        options = [schema["const"]] if "const" in schema else schema.get("enum")
        if isinstance(options, list) and options:
            return options[0]
        return self._typed(schema, depth)

    def _typed(self, schema: Schema, depth: int) -> object:
        kind = schema.get("type", "object")
        kind = kind[0] if isinstance(kind, list) and kind else kind
        if isinstance(kind, str) and kind in _PLAIN:
            return _PLAIN[kind]
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            items = schema.get("items")
            wanted = isinstance(items, dict) and depth < FULL_DEPTH
            return [self.value(cast("Schema", items), depth + 1)] if wanted else []
        return self._text

    def _object(self, schema: Schema, depth: int) -> object:
        properties = schema.get("properties")
        required = schema.get("required")
        needed = required if isinstance(required, list) else []
        return {
            name: self.value(inner, depth + 1)
            for name, inner in (properties if isinstance(properties, dict) else {}).items()
            if isinstance(inner, dict) and (depth < FULL_DEPTH or name in needed) and self._left > 0
        }

    def _resolved(self, schema: Schema, depth: int) -> Schema:
        for _ in range(MAX_DEPTH):
            reference = schema.get("$ref")
            choices = schema.get("anyOf")
            if isinstance(reference, str) and reference.startswith("#"):
                schema = self._pointed(reference)
            elif isinstance(choices, list) and (usable := [c for c in choices if _is_schema(c)]):
                null: Schema = {"type": "null"}
                schema = null if depth >= FULL_DEPTH and null in usable else usable[0]
            else:
                break
        return schema

    def _pointed(self, reference: str) -> Schema:
        node: object = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            node = node.get(step) if isinstance(node, dict) else None
        return node if isinstance(node, dict) else {}


def _is_schema(value: object) -> bool:
    return isinstance(value, dict)
