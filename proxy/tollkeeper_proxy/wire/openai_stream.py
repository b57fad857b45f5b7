"""A stream of OpenAI's dialect on its way through: relayed, read along, and edited only if asked.

With nothing to edit, the bytes that go out are the bytes that came in, and reading along is put
off until enough has gathered. Events go one by one only where a text policy edits, or where the
usage chunk may be among them and is to be hidden or priced.
"""

import re
from collections.abc import Callable
from typing import Final

import orjson

from tollkeeper.pricing import Usage
from tollkeeper_proxy.policies import TextEditor
from tollkeeper_proxy.wire.openai_answer import DONE, AnswerFold
from tollkeeper_proxy.wire.openai_usage import usage_of
from tollkeeper_proxy.wire.sse import Event, EventSplitter

FOLD_BYTES: Final = 64 * 1024  # bytes gathered before they are read along

_USAGE_OBJECT: Final = re.compile(rb'"usage"\s*:\s*\{')
_TEXT_FIELDS: Final = ("content", "refusal", "reasoning_content", "reasoning")


class StreamRelay:
    """Takes pieces, gives pieces; ``fold`` knows what went by.

    ``open_editor`` makes one editor per text channel (choice and field) when a policy edits text;
    ``cost_of`` prices the usage that the last chunk tells, to be told with it.
    """

    def __init__(
        self,
        *,
        hide_usage: bool = False,
        open_editor: Callable[[], TextEditor] | None = None,
        cost_of: Callable[[Usage], str | None] | None = None,
    ) -> None:
        self.fold = AnswerFold()
        self._hide_usage = hide_usage
        self._editor = StreamEditor(open_editor) if open_editor else None
        self._cost_of = cost_of
        self._watches_usage = hide_usage or cost_of is not None
        self._splitter = EventSplitter()
        self._along = EventSplitter()
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0

    def feed(self, piece: bytes) -> bytes:
        """Return what may go to the caller now; raises ``EventTooLarge``."""
        if self._passes(piece):
            self._gathered.append(piece)
            self._gathered_bytes += len(piece)
            if self._gathered_bytes >= FOLD_BYTES:
                self._read_along()
            return piece
        self._read_along()
        return b"".join(self._through(event) for event in self._splitter.feed(piece))

    def finish(self) -> bytes:
        """Return the last bytes to send; after it ``fold`` is complete."""
        self._read_along()
        if (unread := self._along.finish()).strip():
            self.fold.add_event(Event(unread))
        rest = self._splitter.finish()
        last = self._through(Event(rest)) if rest else b""
        return last + (self._editor.finish() if self._editor else b"")

    def _passes(self, piece: bytes) -> bool:
        """Tell whether nothing in a piece can need a change: then it goes on as it is."""
        if self._editor is not None:
            return False
        if not self._watches_usage:
            return True
        whole = self._splitter.is_empty and piece.endswith(b"\n\n")
        return whole and _USAGE_OBJECT.search(piece) is None

    def _read_along(self) -> None:
        if self._gathered:
            gathered, self._gathered = b"".join(self._gathered), []
            self._gathered_bytes = 0
            for event in self._along.feed(gathered):
                self.fold.add_event(event)

    def _through(self, event: Event) -> bytes:
        self.fold.add_event(event)
        if self._watches_usage and _USAGE_OBJECT.search(event.raw):
            if self._hide_usage and _is_usage_only(event):
                return b""
            if self._cost_of is not None:
                event = _with_cost(event, self._cost_of)
        return self._editor.edit(event) if self._editor else event.raw


class StreamEditor:
    """Runs every text channel of a stream through an editor of its own."""

    def __init__(self, open_editor: Callable[[], TextEditor]) -> None:
        self._open = open_editor
        self._channels: dict[tuple[int, str], TextEditor] = {}
        self._last: dict[str, object] = {}

    def edit(self, event: Event) -> bytes:
        """Return the event with its text edited; text held back comes with a later one."""
        data = event.data
        if data == DONE:
            return self.finish() + event.raw
        try:
            document = orjson.loads(data) if data else None
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            return event.raw if not data else b""  # comments pass; what cannot be read does not
        self._last = {k: v for k, v in document.items() if k not in {"choices", "usage"}}
        choices = document.get("choices")
        before = b""
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                before += self._edit_choice(choice)
        return before + b"data: " + orjson.dumps(document) + b"\n\n"

    def finish(self) -> bytes:
        """Return events with all that is still held back."""
        return b"".join(self._flushed(index) for index in sorted({i for i, _ in self._channels}))

    def _edit_choice(self, choice: dict[str, object]) -> bytes:
        raw_index = choice.get("index")
        index = raw_index if isinstance(raw_index, int) else 0
        delta = choice.get("delta")
        if isinstance(delta, dict):
            for name in _TEXT_FIELDS:
                if isinstance(text := delta.get(name), str):
                    delta[name] = self._editor(index, name).feed(text)
            self._edit_calls(index, delta.get("tool_calls"))
        return self._flushed(index) if choice.get("finish_reason") else b""

    def _edit_calls(self, index: int, calls: object) -> None:
        for call in calls if isinstance(calls, list) else ():
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict) and isinstance(text := function.get("arguments"), str):
                channel = f"tool_calls.{call.get('index', 0)}"
                function["arguments"] = self._editor(index, channel).feed(text)

    def _editor(self, index: int, name: str) -> TextEditor:
        editor = self._channels.get((index, name))
        if editor is None:
            editor = self._channels[index, name] = self._open()
        return editor

    def _flushed(self, index: int) -> bytes:
        events = b""
        for (at, name), editor in list(self._channels.items()):
            if at == index:
                del self._channels[at, name]
                if text := editor.finish():
                    events += self._event(index, name, text)
        return events

    def _event(self, index: int, name: str, text: str) -> bytes:
        delta: dict[str, object] = {name: text}
        if name.startswith("tool_calls."):
            position = int(name.removeprefix("tool_calls."))
            delta = {"tool_calls": [{"index": position, "function": {"arguments": text}}]}
        choice = {"index": index, "delta": delta, "finish_reason": None}
        return b"data: " + orjson.dumps({**self._last, "choices": [choice]}) + b"\n\n"


def _is_usage_only(event: Event) -> bool:
    """Tell whether this is the extra chunk that only ``include_usage`` brings."""
    document = _document(event)
    return document.get("choices") == [] and bool(document.get("usage"))


def _with_cost(event: Event, cost_of: Callable[[Usage], str | None]) -> Event:
    """Return the event with the cost beside the tokens, as ``usage.tollkeeper``."""
    document = _document(event)
    raw = document.get("usage")
    usage = usage_of(raw)
    cost = cost_of(usage) if usage is not None else None
    if cost is None or not isinstance(raw, dict):
        return event
    raw["tollkeeper"] = {"cost_usd": cost}
    return Event(b"data: " + orjson.dumps(document) + b"\n\n")


def _document(event: Event) -> dict[str, object]:
    try:
        document = orjson.loads(event.data)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def edit_whole(body: bytes, open_editor: Callable[[], TextEditor]) -> bytes:
    """Return one whole answer with the text of its messages edited; other bodies unchanged."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    choices = document.get("choices") if isinstance(document, dict) else None
    for choice in choices if isinstance(choices, list) else ():
        message = choice.get("message") if isinstance(choice, dict) else None
        if isinstance(message, dict):
            _edit_message(message, open_editor)
    return orjson.dumps(document) if isinstance(choices, list) else body


def _edit_message(message: dict[str, object], open_editor: Callable[[], TextEditor]) -> None:
    def edited(text: str) -> str:
        editor = open_editor()
        return editor.feed(text) + editor.finish()

    for name in _TEXT_FIELDS:
        if isinstance(text := message.get(name), str):
            message[name] = edited(text)
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(text := function.get("arguments"), str):
            function["arguments"] = edited(text)
