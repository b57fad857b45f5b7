"""Events out as JSON lines on stderr, one per event; whoever logs never waits and never fails.

A bounded queue and one thread stand between. What does not fit is dropped, counted and said; what
looks like a credential is masked, what is long is cut, what a terminal would obey is escaped.
"""

import json
import math
import queue
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Literal, Protocol, Self

from tollkeeper.masking import mask

Level = Literal["info", "warning", "error"]

QUEUE_SIZE: Final = 10_000
FIELD_CHARACTERS: Final = 2_000
FIELDS: Final = 40
CLOSE_TIMEOUT_S: Final = 2.0  # a reader of stderr that hangs must not keep us from ending
OWN_FIELDS: Final = frozenset({"ts", "level", "component", "event"})
# What JSON leaves alone and a terminal or a log viewer obeys: DEL and C1 controls, direction
# marks, line and paragraph separators, halves of surrogate pairs.
OBEYED: Final = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Stream(Protocol):
    """Where lines go."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as it was handed in."""

    at_unix_s: float
    level: Level
    event: str
    fields: Mapping[str, object]


class Log:
    """The log of one component; every method returns at once, from any thread."""

    def __init__(
        self,
        component: str,
        stream: Stream,
        *,
        queue_size: int = QUEUE_SIZE,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._component = component
        self._stream = stream
        self._now = now
        self._waiting: queue.Queue[Entry | None] = queue.Queue(queue_size)
        self._dropped = 0
        self._closed = False
        self._counting = threading.Lock()
        self._writer = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._writer.start()

    def info(self, event: str, /, **fields: object) -> None:
        self._put("info", event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        self._put("warning", event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        self._put("error", event, fields)

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Write what waits, for as long as this may take; later events are dropped."""
        if self._closed:
            return
        self._closed = True
        deadline = time.monotonic() + timeout_s
        try:
            self._waiting.put(None, timeout=timeout_s)
        except queue.Full:
            return  # nobody reads stderr: there is no one left to tell
        self._writer.join(max(deadline - time.monotonic(), 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _put(self, level: Level, event: str, fields: Mapping[str, object]) -> None:
        try:
            if self._closed:
                raise queue.Full
            self._waiting.put_nowait(Entry(self._now(), level, event, fields))
        except queue.Full:
            with self._counting:
                self._dropped += 1

    def _write_all(self) -> None:
        while (entry := self._waiting.get()) is not None:
            self._write(entry)
            self._say_dropped()
        self._say_dropped()

    def _say_dropped(self) -> None:
        with self._counting:
            count, self._dropped = self._dropped, 0
        if count:
            self._write(Entry(self._now(), "warning", "log_events_dropped", {"count": count}))

    def _write(self, entry: Entry) -> None:
        try:
            self._stream.write(line(self._component, entry))
            self._stream.flush()
        except (OSError, ValueError):  # closed or broken: the event counts as dropped
            with self._counting:
                self._dropped += 1


def open_log(component: str) -> Log:
    """Return a component's log on stderr."""
    return Log(component, sys.stderr)


def line(component: str, entry: Entry) -> str:
    """Return one event as one line of JSON."""
    moment = datetime.fromtimestamp(entry.at_unix_s, UTC).isoformat(timespec="milliseconds")
    record: dict[str, object] = {
        "ts": moment.replace("+00:00", "Z"),
        "level": entry.level,
        "component": component,
        "event": _text(entry.event),
    }
    for name, value in list(entry.fields.items())[:FIELDS]:
        key = f"field_{name}" if name in OWN_FIELDS else name
        record[_text(key)] = _plain(value)
    text = json.dumps(record, ensure_ascii=False)
    return OBEYED.sub(lambda match: f"\\u{ord(match.group()):04x}", text) + "\n"


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    try:
        return _text(value if isinstance(value, str) else str(value))
    except Exception as failure:  # noqa: BLE001  # an exporter's seam: somebody's __str__ is broken
        return f"unprintable: {type(failure).__name__}"


def _text(text: str) -> str:
    # Masking looks a little past the cut, so that no credential is halved into something new.
    masked = mask(text[: 2 * FIELD_CHARACTERS])
    cut = len(text) - FIELD_CHARACTERS
    if cut <= 0 and len(masked) <= FIELD_CHARACTERS:
        return masked
    return f"{masked[:FIELD_CHARACTERS]}…[{max(cut, 0)} characters cut]"
