"""Ended spans in, batches to an exporter out, on a thread of its own and never in the way.

The queue is bounded: what does not fit is dropped and counted. Flushing and closing take a time
limit and keep it, whatever the exporter does. After a fork the child starts with an empty queue
and its own thread; the parent's spans stay the parent's.
"""

import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from opentelemetry import context as otel_context
from opentelemetry.context import (
    _SUPPRESS_INSTRUMENTATION_KEY as SUPPRESS,  # the only name there is for it
)
from opentelemetry.sdk.trace import ReadableSpan

from tollkeeper.installed import Delivered

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batching:
    """How spans are gathered; the defaults are OpenTelemetry's (OTEL_BSP_*)."""

    queue_size: int = 2_048
    batch_size: int = 512
    delay_s: float = 5.0


class Carrier(Protocol):
    """Sends one batch, blocking; returns how many of its spans were taken."""

    def send(self, spans: Sequence[ReadableSpan]) -> int: ...

    def close(self) -> None: ...

    def forked(self) -> None: ...


class Delivery:
    """The bounded queue between the application and a carrier."""

    def __init__(self, carrier: Carrier, batching: Batching) -> None:
        self._carrier = carrier
        self._batching = batching
        self._closed = False
        self._renew()
        _after_fork(weakref.WeakMethod(self._forked))

    def put(self, span: ReadableSpan) -> None:
        """Take a span; returns at once, always."""
        with self._changed:
            self._ended += 1
            if self._closed or len(self._queue) >= self._batching.queue_size:
                self._dropped += 1
                return
            self._queue.append(span)
            self._ensure_thread()
            if len(self._queue) >= self._batching.batch_size:
                self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Send what waits now; True when all of it is gone before ``timeout_s`` is over."""
        with self._changed:
            self._flushing = bool(self._queue)
            self._changed.notify_all()
            return self._changed.wait_for(self._is_empty, timeout_s)

    def close(self, timeout_s: float) -> None:
        """Flush within the limit, then stop; what is left is counted as dropped and said so."""
        if self._closed:
            return
        self.flush(timeout_s)
        with self._changed:
            self._closed = True
            self._dropped += len(self._queue)
            self._queue.clear()
            self._changed.notify_all()
        self._carrier.close()
        report = self.report()
        if report.lost or report.waiting:
            _log.warning(
                "%d of %d spans did not arrive (%d dropped, %d refused, %d unanswered)",
                report.lost + report.waiting,
                report.ended,
                report.dropped,
                report.refused,
                report.waiting,
            )

    def report(self) -> Delivered:
        with self._changed:
            waiting = len(self._queue) + self._in_flight
            return Delivered(self._ended, self._delivered, self._dropped, self._refused, waiting)

    def _renew(self) -> None:
        # Its lock may be taken again by its holder: a garbage collection in here can end a span.
        self._changed = threading.Condition()
        self._queue: deque[ReadableSpan] = deque()
        self._thread: threading.Thread | None = None
        self._flushing = False
        self._ended = self._delivered = 0
        self._dropped = self._refused = self._in_flight = 0

    def _forked(self) -> None:
        self._renew()
        self._carrier.forked()

    def _is_empty(self) -> bool:
        return not self._queue and not self._in_flight

    def _ensure_thread(self) -> None:
        """Start the thread with the first span: a process that only configures has none."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="tollkeeper-delivery", daemon=True
            )
            self._thread.start()

    def _run(self) -> None:
        otel_context.attach(otel_context.set_value(SUPPRESS, True))  # our own calls make no spans
        while batch := self._next_batch():
            taken = self._send(batch)
            with self._changed:
                self._in_flight = 0
                self._delivered += taken
                self._refused += len(batch) - taken
                self._changed.notify_all()

    def _next_batch(self) -> list[ReadableSpan]:
        """Wait for a full batch, a flush or the delay; an empty list means closed."""
        with self._changed:
            while not self._closed:
                self._changed.wait_for(self._is_due, self._batching.delay_s)
                count = min(len(self._queue), self._batching.batch_size)
                batch = [self._queue.popleft() for _ in range(count)]
                self._in_flight = count
                self._flushing = self._flushing and bool(self._queue)
                if batch:
                    return batch
            return []

    def _is_due(self) -> bool:
        return self._flushing or self._closed or len(self._queue) >= self._batching.batch_size

    def _send(self, batch: Sequence[ReadableSpan]) -> int:
        try:
            return self._carrier.send(batch)
        except Exception as error:  # noqa: BLE001 - one bad batch must not end the thread
            _log.warning("a batch of spans could not be sent: %s", type(error).__name__)
            return 0


def _after_fork(renew: Callable[[], Callable[[], None] | None]) -> None:
    """Have a forked child renew what it inherited; a dead reference is left alone."""

    def in_child() -> None:
        method = renew()
        if method is not None:
            method()

    if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
        os.register_at_fork(after_in_child=in_child)
