"""Answers of OpenAI's dialect, whole or in events, to what telemetry and the ledger need of them.

A stream is folded event by event; text beyond a bound is counted but not kept.
"""

from dataclasses import dataclass, field
from typing import Final, cast

import orjson

from tollkeeper_proxy.wire import AnswerSummary
from tollkeeper_proxy.wire.openai_usage import usage_of
from tollkeeper_proxy.wire.sse import Event

MAX_KEPT_CHARACTERS: Final = 256 * 1024  # of one answer's text, for the stored copy
DONE: Final = b"[DONE]"

_TEXTS: Final = {
    "content": "text",
    "refusal": "text",
    "reasoning_content": "reasoning",
    "reasoning": "reasoning",
}


@dataclass(slots=True)
class _Choice:
    """One choice as its deltas have built it so far."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    calls: dict[int, "_Call"] = field(default_factory=dict)
    finish_reason: str = ""


@dataclass(slots=True)
class _Call:
    """One tool call as its deltas have built it so far."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class AnswerFold:
    """Folds the events of a stream, or one whole answer, into an ``AnswerSummary``."""

    def __init__(self) -> None:
        self._summary = AnswerSummary()
        self._choices: dict[int, _Choice] = {}
        self._kept_characters = 0
        self.text_characters = 0

    def add_event(self, event: Event) -> None:
        """Take one event of a stream; what is not JSON is passed over."""
        data = event.data
        if data == DONE:
            self._summary.done = True
            return
        if data:
            self.add_document(_parsed(data), delta="delta")

    def add_document(self, document: dict[str, object], *, delta: str) -> None:
        """Take one JSON object whose choices hold their message under ``delta``."""
        summary = self._summary
        summary.response_id = summary.response_id or _text(document, "id")
        summary.model = summary.model or _text(document, "model")
        summary.system_fingerprint = summary.system_fingerprint or _text(
            document, "system_fingerprint"
        )
        summary.service_tier = summary.service_tier or _text(document, "service_tier")
        summary.usage = usage_of(_usage_object(document)) or summary.usage
        if (error := document.get("error")) is not None:
            summary.error_type = _error_type(error)
        choices = document.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self._add_choice(choice, delta)

    def summary(self) -> AnswerSummary:
        """Return what is known so far."""
        ordered = [self._choices[index] for index in sorted(self._choices)]
        self._summary.finish_reasons = [c.finish_reason for c in ordered if c.finish_reason]
        self._summary.output_messages = [_message(choice) for choice in ordered]
        return self._summary

    @property
    def finished(self) -> bool:
        """Tell whether the answer said itself that it is over."""
        choices = self._choices.values()
        return self._summary.done or (bool(choices) and all(c.finish_reason for c in choices))

    def _add_choice(self, raw: dict[str, object], delta: str) -> None:
        index = raw.get("index")
        choice = self._choices.setdefault(index if isinstance(index, int) else 0, _Choice())
        choice.finish_reason = _text(raw, "finish_reason") or choice.finish_reason
        message = raw.get(delta)
        if not isinstance(message, dict):
            return
        for name, kind in _TEXTS.items():
            value = message.get(name)
            if isinstance(value, list):
                self._add_parts(choice, value)
            elif isinstance(value, str) and value:
                self._keep(choice.texts.setdefault(kind, []), value)
        calls = message.get("tool_calls")
        for position, call in enumerate(calls if isinstance(calls, list) else ()):
            if isinstance(call, dict):
                self._add_call(choice, call, position)
        old = message.get("function_call")  # the shape before tools; some send it always, empty
        if isinstance(old, dict) and any(old.values()):
            self._add_call(choice, {"function": old}, 0)

    def _add_parts(self, choice: _Choice, parts: list[object]) -> None:
        """Take a content made of parts, as Mistral sends it: text, and thinking made of text."""
        for part in parts:
            if isinstance(part, dict) and part.get("type") == "thinking":
                self._keep(choice.texts.setdefault("reasoning", []), _joined(part.get("thinking")))
            elif isinstance(part, dict) and (text := _text(part, "text")):
                self._keep(choice.texts.setdefault("text", []), text)

    def _add_call(self, choice: _Choice, raw: dict[str, object], position: int) -> None:
        index = raw.get("index")
        call = choice.calls.setdefault(index if isinstance(index, int) else position, _Call())
        call.id = call.id or _text(raw, "id")
        for kind, name in (("function", "arguments"), ("custom", "input")):
            said = raw.get(kind)
            if isinstance(said, dict):
                call.name = call.name or _text(said, "name")
                self._keep(call.arguments, _text(said, name))

    def _keep(self, pieces: list[str], text: str) -> None:
        self.text_characters += len(text)
        kept = text[: MAX_KEPT_CHARACTERS - self._kept_characters]
        if kept:
            self._kept_characters += len(kept)
            pieces.append(kept)


def summarise(body: bytes) -> AnswerSummary:
    """Return the summary of one whole answer; of an error body, its error's name."""
    fold = AnswerFold()
    fold.add_document(_parsed(body), delta="message")
    summary = fold.summary()
    summary.done = True
    return summary


def _parsed(data: bytes) -> dict[str, object]:
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _usage_object(document: dict[str, object]) -> object:
    if document.get("usage") is not None:
        return document["usage"]
    groq = document.get("x_groq")  # Groq's place for it in streams
    return groq.get("usage") if isinstance(groq, dict) else None


def _error_type(error: object) -> str:
    if isinstance(error, dict):
        for name in ("code", "type", "status"):
            value = error.get(name)
            if isinstance(value, (str, int)) and value:
                return str(value)[:100]
    return "error"


def _text(document: dict[str, object], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _joined(value: object) -> str:
    """Return the text of a string or of a list of text parts."""
    if isinstance(value, list):
        return "".join(_text(part, "text") for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""


def _message(choice: _Choice) -> dict[str, object]:
    parts: list[dict[str, object]] = [
        {"type": kind, "content": "".join(pieces)}
        for kind, pieces in choice.texts.items()
        if pieces
    ]
    parts += [
        {"type": "tool_call", "id": c.id, "name": c.name, "arguments": "".join(c.arguments)}
        for _, c in sorted(choice.calls.items())
    ]
    return cast(
        "dict[str, object]",
        {"role": "assistant", "parts": parts, "finish_reason": choice.finish_reason},
    )
