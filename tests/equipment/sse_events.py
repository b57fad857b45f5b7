"""A second, naive reading of event streams and answers, to hold the product's own against.

Whole bodies in, what they say out. Deliberately not the product's parser.
"""

import json
from dataclasses import dataclass
from typing import Any

from tests.equipment.interaction import Interaction


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer says of itself; None where it says nothing."""

    model: str
    response_id: str
    finish_reasons: list[str]
    usage: dict[str, Any] | None
    service_tier: str = ""
    is_error: bool = False
    is_complete: bool = True


def documents(body: bytes) -> list[Any]:
    """Return the JSON documents of a whole event stream, without the closing [DONE]."""
    found = []
    for block in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        lines = [line[5:].lstrip() for line in block.split(b"\n") if line.startswith(b"data:")]
        data = b"\n".join(lines)
        if data and data != b"[DONE]":
            found.append(json.loads(data))
    return found


def said_by(interaction: Interaction) -> Said:
    """Return what a recorded answer says, whole or streamed."""
    body = interaction.served_body()
    if interaction.is_stream and interaction.status == 200:
        return _of_stream(documents(body), done=b"data: [DONE]" in body)
    return _of_whole(json.loads(body))


def _of_whole(answer: Any) -> Said:
    if not isinstance(answer, dict) or "choices" not in answer:
        return Said("", "", [], None, is_error=True)
    reasons = [choice.get("finish_reason") or "" for choice in answer["choices"]]
    return Said(
        answer.get("model") or "",
        answer.get("id") or "",
        [reason for reason in reasons if reason],
        answer.get("usage"),
        answer.get("service_tier") or "",
    )


def _of_stream(chunks: list[Any], *, done: bool) -> Said:
    reasons: dict[int, str] = {}
    usage = None
    model = response_id = tier = ""
    for chunk in chunks:
        model = chunk.get("model") or model
        tier = chunk.get("service_tier") or tier
        response_id = response_id or chunk.get("id") or ""
        usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage") or usage
        for choice in chunk.get("choices") or []:
            if choice.get("finish_reason"):
                reasons[choice.get("index", 0)] = choice["finish_reason"]
    is_error = any("error" in chunk for chunk in chunks)
    in_order = [reasons[index] for index in sorted(reasons)]
    return Said(model, response_id, in_order, usage, tier, is_error=is_error, is_complete=done)
