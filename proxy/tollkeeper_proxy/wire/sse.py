"""Server-sent events, incrementally: bytes in, whole events out, for every way they may be cut.

Rules of the WHATWG HTML standard, section 9.2.6: lines end in LF, CR LF or CR; a blank line ends
an event; several ``data:`` lines join with LF; comments and other fields carry no data here.
An event keeps its own bytes, so that relaying it changes nothing.
"""

import re
from dataclasses import dataclass
from typing import Final

MAX_EVENT_BYTES: Final = 1024 * 1024  # an event without an end is an attack or a fault (D4)

# Atomic: once CR LF has been read as one line end, it is never taken apart into two.
_END: Final = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_LONGEST_END_BYTES: Final = 4
_LINE: Final = re.compile(rb"\r\n|\n|\r")


class EventTooLarge(ValueError):
    """More than ``MAX_EVENT_BYTES`` arrived with no end of an event in sight."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its bytes as received, and the text after ``data:``."""

    raw: bytes

    @property
    def data(self) -> bytes:
        raw = self.raw
        if raw.startswith(b"data: ") and raw.find(b"\n") == len(raw) - 2 and b"\r" not in raw:
            return raw[6:-2]  # the shape every provider sends: one line, LF LF
        values = []
        for line in _LINE.split(raw.removeprefix(b"\xef\xbb\xbf")):
            name, _, value = line.partition(b":")
            if name == b"data":
                values.append(value.removeprefix(b" "))
        return b"\n".join(values)


class EventSplitter:
    """Cuts a stream of bytes into events."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._waiting_bytes = 0
        self._tail = b""  # the last bytes that wait: all that an end may have begun in

    @property
    def is_empty(self) -> bool:
        """Tell whether no begun event waits for its end."""
        return not self._pieces

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that ``piece`` completes, in order; raises ``EventTooLarge``."""
        seam = self._tail + piece
        if (
            _next_end(seam, 0, returns=b"\r" in seam) < 0
        ):  # nothing can have ended: do not join what waits
            self._pieces.append(piece)
            self._waiting_bytes += len(piece)
            self._tail = seam[1 - _LONGEST_END_BYTES :]
            return self._bounded([])
        text = b"".join([*self._pieces, piece]) if self._pieces else piece
        events: list[Event] = []
        start = 0
        returns = b"\r" in text  # looked for once, not for every event
        while (end := _next_end(text, start, returns=returns)) >= 0:
            events.append(Event(text[start:end]))
            start = end
        self._pieces = [text[start:]] if start < len(text) else []
        self._waiting_bytes = len(text) - start
        self._tail = text[start:][1 - _LONGEST_END_BYTES :]
        return self._bounded(events)

    def finish(self) -> bytes:
        """Return what is left when the stream ends: bytes of an event that never ended."""
        rest = b"".join(self._pieces)
        self._pieces = []
        self._waiting_bytes = 0
        self._tail = b""
        return rest

    def _bounded(self, events: list[Event]) -> list[Event]:
        if self._waiting_bytes > MAX_EVENT_BYTES:
            raise EventTooLarge(f"an event of the stream is larger than {MAX_EVENT_BYTES} bytes")
        return events


def _next_end(text: bytes, start: int, *, returns: bool) -> int:
    """Return where the next event ends, -1 when that cannot be told yet."""
    if not returns:
        end = text.find(b"\n\n", start)
        return end + 2 if end >= 0 else -1
    match = _END.search(text, start)
    if match is None or (match.end() == len(text) and text.endswith(b"\r")):
        return -1  # a LF may follow that belongs to this line end
    return match.end()
