"""Spans on their way to the collectors: a bounded queue, batches, a spool while nobody answers.

Never on a request's path: ``offer`` appends and returns. What cannot be kept is dropped and
counted by reason, and ``offered = sent + spooled + waiting + dropped`` holds at every moment.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final

import orjson

from tollkeeper import semconv as names
from tollkeeper_proxy.exchange import Exchange
from tollkeeper_proxy.telemetry.destination import Destination
from tollkeeper_proxy.telemetry.spans import Span, SpanMaker

BATCH_EXCHANGES: Final = 256
SLICE_EXCHANGES: Final = 8  # encoded at one go before requests get their turn again
LINGER_S: Final = 0.2  # how long a lone span waits for company


class SpanExporter:
    """Takes ended exchanges, sends their spans."""

    def __init__(
        self,
        maker: SpanMaker,
        destinations: Sequence[Destination],
        *,
        resource: dict[str, str],
        queue_size: int,
        count: Callable[[Exchange], None],
        report: Callable[[str, Exception], None],
    ) -> None:
        self._maker = maker
        self._destinations = destinations
        self._resource = resource
        self._queue_size = queue_size
        self._count = count
        self._report = report
        self._queue: deque[Exchange] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.dropped: Counter[str] = Counter()

    def offer(self, exchange: Exchange) -> None:
        """Take one ended exchange; never blocks, never raises."""
        if len(self._queue) >= self._queue_size:
            self.dropped["queue_full"] += 1
            return
        self._queue.append(exchange)
        if len(self._queue) >= BATCH_EXCHANGES:
            self._wake.set()

    async def open(self) -> None:
        """Start sending."""
        for destination in self._destinations:
            await destination.open()
        self._task = asyncio.create_task(self._run(), name="span-exporter")

    async def close(self) -> None:
        """Send or spool all that waits, then stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        while self._queue:
            await self._export_batch()
        for destination in self._destinations:
            await destination.close()

    def gauges(self) -> list[tuple[str, str, Callable[[], float]]]:
        """Return what ``/metrics`` is to show of the spans' way: name, help, value."""
        ways = self._destinations
        return [
            (
                "tollkeeper_spans_waiting",
                "Ended requests whose spans are not encoded yet.",
                lambda: len(self._queue),
            ),
            (
                "tollkeeper_spans_sent",
                "Spans taken by a collector.",
                lambda: sum(way.sent_spans for way in ways),
            ),
            (
                "tollkeeper_spans_spooled_batches",
                "Batches of spans on disk.",
                lambda: sum(way.spooled_batches() for way in ways),
            ),
            (
                "tollkeeper_spans_dropped",
                "Spans given up, for any reason.",
                lambda: sum(self.dropped.values()) + sum(sum(w.dropped.values()) for w in ways),
            ),
        ]

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                while self._queue:
                    await self._export_batch()
            except Exception as error:  # noqa: BLE001 - the exporter's seam: telemetry never ends
                self.dropped["encoding_failed"] += 1
                self._report("exporter", error)

    async def _export_batch(self) -> None:
        by_tenant: dict[str, list[Span]] = {}
        for taken in range(min(BATCH_EXCHANGES, len(self._queue))):
            exchange = self._queue.popleft()
            self._count(exchange)
            by_tenant.setdefault(exchange.tenant_id, []).extend(self._maker.spans(exchange))
            if taken % SLICE_EXCHANGES == SLICE_EXCHANGES - 1:
                await asyncio.sleep(0)
        body = orjson.dumps({"resourceSpans": [self._group(t, s) for t, s in by_tenant.items()]})
        count = sum(len(spans) for spans in by_tenant.values())
        for destination in self._destinations:
            await destination.take(body, span_count=count)

    def _group(self, tenant_id: str, spans: list[Span]) -> dict[str, object]:
        resource = {**self._resource, names.TENANT_ID: tenant_id}
        attributes = [{"key": k, "value": {"stringValue": v}} for k, v in resource.items()]
        return {
            "resource": {"attributes": attributes},
            "scopeSpans": [{"scope": {"name": names.PROXY_SCOPE}, "spans": spans}],
            "schemaUrl": names.SCHEMA_URL,
        }
