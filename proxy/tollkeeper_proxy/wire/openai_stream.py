"""A stream of OpenAI's dialect on its way through: relayed, read along, and edited only if asked.

With nothing to edit, the bytes that go out are the bytes that came in, and reading along is put
off until enough has gathered. Events go one by one only where a text policy edits, or where the
usage chunk may be among them and is to be hidden or priced.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import orjson

from tollkeeper.pricing import Usage
from tollkeeper_proxy.policies import TextEditor
from tollkeeper_proxy.wire.openai_answer import AnswerFold
from tollkeeper_proxy.wire.openai_editing import StreamEditor
from tollkeeper_proxy.wire.openai_usage import usage_of
from tollkeeper_proxy.wire.sse import Event, EventSplitter, EventTooLarge

FOLD_BYTES: Final = 64 * 1024  # bytes gathered before they are read along

_USAGE_OBJECT: Final = re.compile(rb'"usage"\s*:\s*\{')


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
        """Return the last bytes to send, never failing; after it ``fold`` is complete."""
        with suppress(EventTooLarge):  # it has passed already, and the fold will find no end
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
    try:
        return Event(b"data: " + orjson.dumps(document) + b"\n\n")
    except orjson.JSONEncodeError:  # nested deeper than orjson writes
        return event


def _document(event: Event) -> dict[str, object]:
    try:
        document = orjson.loads(event.data)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}
