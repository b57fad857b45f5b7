"""The texts of a JSON document: where they stand, and how one is replaced.

A path is the keys and places on the way to a text, joined by dots; a dot within a key is escaped as
JSON Pointer escapes its slash. What is known to be no text is left out: ids, media, plain words.
"""

from typing import Final, cast

Document = dict[str, object]

# Parent and key (no parent: the document's own): ids only a machine reads, and base64 of media.
_NOT_TEXT: Final = frozenset(
    {
        (None, "model"),
        ("messages", "tool_call_id"),
        ("tool_calls", "id"),
        ("input_audio", "data"),
        ("file", "file_data"),
        ("file", "file_id"),
    }
)
# Words of the dialect and of JSON schema; alone they say nothing about anybody.
_WORDS: Final = frozenset(
    {"user", "assistant", "system", "developer", "tool", "function", "auto", "none", "required"}
    | {"text", "image_url", "input_audio", "file", "json_object", "json_schema"}
    | {"string", "object", "array", "integer", "number", "boolean", "null"}
    | {"low", "medium", "high", "default", "flex", "priority"}
)


def texts(document: Document) -> list[tuple[str, str]]:
    """Return the path and the words of every text in a document."""
    found: list[tuple[str, str]] = []
    _gather_pairs(document, "", None, found)
    return found


def put(document: Document, path: str, text: str) -> None:
    """Put another text at a path that ``texts`` has told."""
    *parents, last = path.split(".")
    node: object = document
    for step in parents:
        node = (
            node[int(step)] if isinstance(node, list) else cast("Document", node)[_unescaped(step)]
        )
    if isinstance(node, list):
        node[int(last)] = text
    else:
        cast("Document", node)[_unescaped(last)] = text


def _gather_pairs(
    node: Document, path: str, parent: str | None, found: list[tuple[str, str]]
) -> None:
    """Note the texts below an object; ``path`` ends in a dot, or is empty."""
    for key, value in node.items():
        if isinstance(value, str):
            if value not in _WORDS and not _is_no_text(parent, key, value):
                found.append((path + _escaped(key), value))
        elif isinstance(value, dict):
            _gather_pairs(value, f"{path}{_escaped(key)}.", key, found)
        elif isinstance(value, list):
            _gather_items(value, f"{path}{_escaped(key)}.", key, found)


def _gather_items(
    node: list[object], path: str, parent: str | None, found: list[tuple[str, str]]
) -> None:
    for place, value in enumerate(node):
        if isinstance(value, str):
            if value not in _WORDS:
                found.append((f"{path}{place}", value))
        elif isinstance(value, dict):
            _gather_pairs(value, f"{path}{place}.", parent, found)
        elif isinstance(value, list):
            _gather_items(value, f"{path}{place}.", parent, found)


def _is_no_text(parent: str | None, key: str, value: str) -> bool:
    if key == "url":
        return parent == "image_url" and value.startswith("data:") and ";base64," in value[:100]
    return (parent, key) in _NOT_TEXT


def _escaped(key: str) -> str:
    if key.isidentifier():
        return key
    return key.replace("~", "~0").replace(".", "~1")


def _unescaped(step: str) -> str:
    return step.replace("~1", ".").replace("~0", "~")
