"""Content in any form, as the messages of the GenAI conventions: pieces in, messages out.

A message is canonical JSON (sorted keys), so that equal messages have equal hashes. What is not a
list of messages becomes one message with one text part; nothing here can fail on odd input.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import orjson

from tollkeeper_collector.content.places import Form, Kind, Place
from tollkeeper_collector.otlp.values import Json

PREVIEW_CHARACTERS: Final = 500
Piece = tuple[Place, str]

_PART_TEXT: Final = re.compile(r"contents\.(\d+)\.message_content\.(.+)")


class Message(NamedTuple):
    """One message, instruction or tool definition; ``text`` is canonical JSON."""

    kind: Kind
    role: str
    text: str


def messages_of(pieces: Iterable[Piece]) -> list[Message]:
    """Return the messages of a span in order, each kind in its best form only."""
    by_form: dict[tuple[Kind, Form], list[Piece]] = defaultdict(list)
    for piece in pieces:
        by_form[piece[0].kind, piece[0].form].append(piece)
    messages: list[Message] = []
    done: set[Kind] = set()
    for (kind, form), found in sorted(by_form.items(), key=lambda entry: entry[0][1]):
        if kind not in done and form is not Form.DISCARDED:
            done.add(kind)
            messages += _READERS[form](kind, found)
    return messages


def value_message(kind: Kind, value: str, role: str = "") -> Message:
    """Return a plain text as a message."""
    return _message(kind, {"role": role, "parts": [{"type": "text", "content": value}]})


def preview(message: Message) -> str:
    """Return the first characters of what a message says."""
    body = orjson.loads(message.text)
    parts = body.get("parts") if type(body) is dict else None
    for part in parts if type(parts) is list else ():
        if type(part) is dict and type(part.get("content")) is str and part["content"]:
            return str(part["content"][:PREVIEW_CHARACTERS])
    content = body.get("content") if type(body) is dict else None
    text = content if type(content) is str else message.text
    return text[:PREVIEW_CHARACTERS]


def _from_json(kind: Kind, pieces: Sequence[Piece]) -> list[Message]:
    value = pieces[0][1]
    try:
        items = orjson.loads(value)
        entries = items if type(items) is list else [items]
        return [_message(kind, entry) for entry in entries if entry is not None]
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # cut short, or nested absurdly
        return [value_message(kind, value)]


def _from_values(kind: Kind, pieces: Sequence[Piece]) -> list[Message]:
    return [value_message(kind, value) for _, value in pieces]


def _from_indexed(kind: Kind, pieces: Sequence[Piece]) -> list[Message]:
    """Put flattened messages together again: one per index, in order."""
    fields: dict[int, dict[str, str]] = defaultdict(dict)
    for place, value in pieces:
        fields[place.number][place.field.removeprefix("message.")] = value
    return [_unflattened(kind, fields[index]) for index in sorted(fields)]


def _unflattened(kind: Kind, fields: dict[str, str]) -> Message:
    parts: dict[str, dict[str, str]] = {}
    for field, value in fields.items():
        if field in ("role", "finish_reason", "name", "tool_call_id"):
            continue
        if match := _PART_TEXT.fullmatch(field):
            parts.setdefault(f"part {match[1]}", {})[match[2]] = value
        elif "tool_call" in field:
            _add_tool_call(parts, field, value)
        else:
            parts.setdefault(field, {}).update(type="text", content=value)
    body: dict[str, Any] = {"role": fields.get("role", ""), "parts": []}
    body["parts"] = [_part(part, fields) for part in parts.values()]
    if reason := fields.get("finish_reason"):
        body["finish_reason"] = reason
    return _message(kind, body)


def _add_tool_call(parts: dict[str, dict[str, str]], field: str, value: str) -> None:
    name = field.removesuffix("." + field.rsplit(".", 1)[-1]).replace(".function", "")
    part = parts.setdefault(name, {"type": "tool_call"})
    part[field.rsplit(".", 1)[-1]] = value


def _part(part: dict[str, str], fields: dict[str, str]) -> dict[str, str]:
    if part.get("type") == "tool_call":
        return part
    if "text" in part:  # OpenInference says text where the conventions say content
        part = {**part, "content": part["text"], "type": "text"}
        del part["text"]
    if (call_id := fields.get("tool_call_id")) and part.get("type") == "text":
        return {"type": "tool_call_response", "id": call_id, "response": part["content"]}
    return part


def _message(kind: Kind, entry: Json) -> Message:
    role = entry.get("role", "") if type(entry) is dict else ""
    text = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS).decode()
    return Message(kind, role if type(role) is str else "", text)


_READERS: Final = {
    Form.MESSAGES: _from_json,
    Form.INDEXED: _from_indexed,
    Form.VALUE: _from_values,
}
