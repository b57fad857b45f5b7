"""The smallest value that fits a JSON schema, for a provider that has nothing to say of its own.

Knows what SDKs generate from types: objects, arrays, enumerations, ``$ref``, ``anyOf``.
"""

from typing import Final, cast

MAX_DEPTH: Final = 16  # a schema may refer to itself

_PLAIN: Final[dict[str, object]] = {"integer": 1, "number": 1, "boolean": True, "null": None}

Schema = dict[str, object]


def example_of(schema: object, text: str) -> object:
    """Return a value of ``schema``, with ``text`` wherever a free string may stand."""
    root = cast("Schema", schema) if isinstance(schema, dict) else {}
    return _example(root, text, root, 0)


def _example(schema: Schema, text: str, root: Schema, depth: int) -> object:
    schema = _resolved(schema, root)
    options = schema.get("enum")
    if isinstance(options, list) and options:
        return options[0]
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind in _PLAIN:
        return _PLAIN[str(kind)]
    if kind == "object":
        return _object(schema, text, root, depth)
    if kind == "array":
        items = schema.get("items")
        return [_example(items, text, root, depth + 1)] if isinstance(items, dict) else []
    return text


def _object(schema: Schema, text: str, root: Schema, depth: int) -> object:
    properties = schema.get("properties")
    if not isinstance(properties, dict) or depth >= MAX_DEPTH:
        return {}
    return {
        name: _example(inner, text, root, depth + 1)
        for name, inner in properties.items()
        if isinstance(inner, dict)
    }


def _resolved(schema: Schema, root: Schema) -> Schema:
    for _ in range(MAX_DEPTH):
        reference = schema.get("$ref")
        choices = schema.get("anyOf")
        if isinstance(reference, str) and reference.startswith("#/"):
            schema = _pointed(root, reference)
        elif isinstance(choices, list) and choices and isinstance(choices[0], dict):
            schema = choices[0]
        else:
            break
    return schema


def _pointed(root: Schema, reference: str) -> Schema:
    node: object = root
    for step in reference.removeprefix("#/").split("/"):
        node = node.get(step) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}
