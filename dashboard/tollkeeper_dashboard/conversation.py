"""Stored messages as plain pieces to show: JSON in, a role and labelled text out. Pure.

Nothing here is trusted: what is not a message of the GenAI conventions is shown as the text it is.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

MAX_CHARACTERS: Final = 100_000  # of one piece; a browser has to lay it out
CUT: Final = "\n… cut: {} more characters"
_TEXT_FIELDS: Final = {"text": "content", "reasoning": "content"}


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a message; ``label`` says what it is where it is not plain text."""

    text: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """One message as it is shown."""

    role: str
    pieces: tuple[Piece, ...]
    finish_reason: str = ""


def shown(content: str, role: str = "") -> Shown:
    """Return a stored message as it is to be shown."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return Shown(role, (_piece(content),))
    if not isinstance(body, dict):
        return Shown(role, (_piece(body if isinstance(body, str) else content),))
    said_role = body.get("role")
    reason = body.get("finish_reason")
    return Shown(
        said_role if isinstance(said_role, str) and said_role else role,
        tuple(_pieces(body)),
        reason if isinstance(reason, str) else "",
    )


def _pieces(body: Mapping[str, object]) -> Iterator[Piece]:
    parts = body.get("parts")
    if isinstance(parts, list):
        for part in parts:
            yield _part(part)
    elif isinstance(body.get("content"), str):
        yield _piece(str(body["content"]))
    else:
        yield _piece(_json(body), "tool definition" if "name" in body else "message")


def _part(part: object) -> Piece:
    if not isinstance(part, dict):
        return _piece(part if isinstance(part, str) else _json(part))
    kind = part.get("type")
    name = str(part.get("name", ""))[:100]
    if kind in _TEXT_FIELDS and isinstance(part.get(_TEXT_FIELDS[kind]), str):
        return _piece(part[_TEXT_FIELDS[kind]], "" if kind == "text" else kind)
    if kind == "tool_call":
        return _piece(_value(part.get("arguments")), f"calls {name}" if name else "calls a tool")
    if kind == "tool_call_response":
        value = part.get("response", part.get("result"))
        return _piece(_value(value), "tool result")
    if kind in ("blob", "file", "uri"):
        known = {k: v for k, v in part.items() if k != "content"}
        return _piece(_json(known), str(part.get("modality", kind))[:40])
    return _piece(_json(part), str(kind)[:40] if isinstance(kind, str) else "")


def _value(value: object) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _piece(text: str, label: str = "") -> Piece:
    more = len(text) - MAX_CHARACTERS
    return Piece(text[:MAX_CHARACTERS] + CUT.format(more) if more > 0 else text, label)
