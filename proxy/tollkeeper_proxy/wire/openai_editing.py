"""The text of an OpenAI-dialect answer, rewritten by editors: a whole answer, or event by event.

Every string of an answer is text unless it is known to be none. What grows from event to event is
edited as one text per channel; every other string is edited by itself. What cannot be read cannot
be edited, and therefore does not pass.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson

from tollkeeper_proxy.errors import UpstreamError
from tollkeeper_proxy.policies import TextEditor
from tollkeeper_proxy.wire.openai_answer import DONE
from tollkeeper_proxy.wire.sse import Event

MAX_DEPTH: Final = 64  # no answer is nested half as deep; what lies deeper does not pass

# Strings that grow from delta to delta: of messages, content parts, tool calls, audio.
_GROWING: Final = frozenset(
    {"content", "refusal", "reasoning_content", "reasoning", "text", "thinking", "summary"}
    | {"arguments", "input", "transcript"}
)
# Names of things, signatures and encoded media: a change would break them, and they hold no text.
_OPAQUE: Final = frozenset(
    {"id", "object", "model", "role", "type", "name", "index", "status", "code", "format"}
    | {"finish_reason", "native_finish_reason", "tool_call_id", "call_id", "request_id"}
    | {"system_fingerprint", "service_tier", "provider", "obfuscation"}
    | {"data", "signature", "thought_signature", "encrypted_content"}
)
_SPELLED_OUT: Final = "logprobs"  # the text again, token by token: no editor could follow it

Trail = tuple[str | int | tuple[int, str], ...]
Leaf = Callable[[Trail, "Frames", str], str]
Frames = tuple[dict[str, object], ...]


@dataclass(frozen=True, slots=True)
class _Channel:
    """One growing text: its editor, and what names the list items on the way to it."""

    editor: TextEditor
    frames: Frames


class StreamEditor:
    """Runs every text channel of a stream through an editor of its own."""

    def __init__(self, open_editor: Callable[[], TextEditor]) -> None:
        self._open = open_editor
        self._channels: dict[tuple[int, Trail], _Channel] = {}
        self._envelope: dict[str, object] = {}

    def edit(self, event: Event) -> bytes:
        """Return the event with its text edited; text held back comes with a later one."""
        data = event.data
        if data == DONE:
            return self.finish() + event.raw
        if not data:
            return event.raw  # a comment, or nothing
        document = _object(data)
        if document is None:
            return b""
        choices = document.get("choices")
        rest = {k: v for k, v in document.items() if k != "choices"}
        _rewrite(rest, (), (), self._alone)
        if isinstance(choices, list):
            self._envelope = {k: v for k, v in rest.items() if k != "usage"}
            rest["choices"] = choices
        before = b"".join(
            self._edit_choice(choice)
            for choice in (choices if isinstance(choices, list) else ())
            if isinstance(choice, dict)
        )
        return before + _event(rest)

    def finish(self) -> bytes:
        """Return events with all that is still held back."""
        return b"".join(self._flushed(index) for index in sorted({i for i, _ in self._channels}))

    def _edit_choice(self, choice: dict[str, object]) -> bytes:
        """Edit a choice in place; return events with what its end sets free besides."""
        index = choice.get("index")
        index = index if isinstance(index, int) else 0
        ends = bool(choice.get("finish_reason"))

        def edited(trail: Trail, frames: Frames, text: str) -> str:
            if not _grows(trail):
                return self._alone(trail, frames, text)
            text = self._channel(index, trail, frames).editor.feed(text)
            return text + self._channels.pop((index, trail)).editor.finish() if ends else text

        _rewrite(choice, (), (), edited)
        return self._flushed(index) if ends else b""

    def _alone(self, trail: Trail, frames: Frames, text: str) -> str:
        editor = self._open()
        return editor.feed(text) + editor.finish()

    def _channel(self, index: int, trail: Trail, frames: Frames) -> _Channel:
        channel = self._channels.get((index, trail))
        if channel is None:
            channel = self._channels[index, trail] = _Channel(self._open(), frames)
        return channel

    def _flushed(self, index: int) -> bytes:
        events = b""
        for at, trail in [key for key in self._channels if key[0] == index]:
            channel = self._channels.pop((at, trail))
            if text := channel.editor.finish():
                choice = {"index": index, **_nested(trail, channel.frames, text)}
                choices = [{**choice, "finish_reason": None}]
                events += _event({**self._envelope, "choices": choices})
        return events


def edit_whole(body: bytes, open_editor: Callable[[], TextEditor]) -> bytes:
    """Return one whole answer with its text edited; raises ``UpstreamError`` on what is no JSON."""

    def alone(trail: Trail, frames: Frames, text: str) -> str:
        editor = open_editor()
        return editor.feed(text) + editor.finish()

    document = _object(body)
    if document is None:
        raise UpstreamError("bad_response", "the provider's answer cannot be read, so not edited")
    _rewrite(document, (), (), alone)
    return orjson.dumps(document)


def _rewrite(node: dict[str, object], trail: Trail, frames: Frames, leaf: Leaf) -> None:
    """Put every text in and below an object through ``leaf``."""
    for key, value in node.items():
        if isinstance(value, str):
            if key not in _OPAQUE:
                node[key] = leaf((*trail, key), frames, value)
        elif isinstance(value, (dict, list)):
            if key == _SPELLED_OUT or len(trail) >= MAX_DEPTH:
                node[key] = None
            elif isinstance(value, dict):
                _rewrite(value, (*trail, key), frames, leaf)
            else:
                _rewrite_list(value, (*trail, key), frames, leaf)


def _rewrite_list(items: list[object], trail: Trail, frames: Frames, leaf: Leaf) -> None:
    for place, item in enumerate(items):
        if isinstance(item, str):
            items[place] = leaf((*trail, place), (*frames, {}), item)
        elif isinstance(item, list):
            items[place] = None  # no answer has lists of lists
        elif isinstance(item, dict):
            step, frame = _named(item, place, trail)
            _rewrite(item, (*trail, step), (*frames, frame), leaf)


def _named(
    item: dict[str, object], place: int, trail: Trail
) -> tuple[int | tuple[int, str], dict[str, object]]:
    """Return what tells an item from its like in other events, and the fields that say so there."""
    index, kind = item.get("index"), item.get("type")
    typed: dict[str, object] = {"type": kind} if isinstance(kind, str) else {}
    if isinstance(index, int):
        return index, {"index": index, **typed}
    if trail[-1] == "tool_calls":  # some providers leave the index out; SDKs need one
        return place, {"index": place}
    return (place, str(kind)), typed


def _grows(trail: Trail) -> bool:
    """Tell whether a text is continued in later events."""
    return trail[0] in {"delta", "text"} and trail[-1] in _GROWING


def _nested(trail: Trail, frames: Frames, text: str) -> dict[str, object]:
    """Return an object that holds ``text`` at the end of a trail, and nothing else."""
    value: object = text
    left = list(frames)
    for step in reversed(trail):
        if isinstance(step, str):
            value = {step: value}
        else:
            frame = left.pop()
            value = [{**frame, **value} if isinstance(value, dict) else value]
    return value if isinstance(value, dict) else {}


def _object(data: bytes) -> dict[str, object] | None:
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _event(document: dict[str, object]) -> bytes:
    return b"data: " + orjson.dumps(document) + b"\n\n"
