"""Spans on their way to the collectors: a bounded queue, batches, a spool while nobody answers.

Never on a request's path: ``offer`` appends and returns. What cannot be kept is dropped and
counted by reason: in spans, ``offered = sent + spooled + waiting + dropped`` for each collector.
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
BATCH_BYTES: Final = 8 * 1024 * 1024  # of requests and answers; our collector takes 64 MiB at once
SLICE_EXCHANGES: Final = 8  # encoded at one go before requests get their turn again
LARGE_BYTES: Final = 32 * 1024  # masked in about 0.1 ms where it holds no suspects
LAST_WORDS_S: Final = 3.0  # for a collector at shutdown; what it has not taken by then is spooled
LINGER_S: Final = 0.2  # how long a lone span waits for company
# The tenant of requests that were refused before anybody was identified. No key can have it (a
# tenant's name begins with a letter or a digit), so only keys that see every tenant see them.
UNIDENTIFIED: Final = "-unidentified"


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
        self._closing = False
        self.waiting_spans = 0
        self.dropped: Counter[str] = Counter()

    def offer(self, exchange: Exchange) -> None:
        """Take one ended exchange; never blocks, never raises."""
        if len(self._queue) >= self._queue_size:
            self.dropped["queue_full"] += _span_count(exchange)
            return
        self._queue.append(exchange)
        self.waiting_spans += _span_count(exchange)
        if len(self._queue) >= BATCH_EXCHANGES:
            self._wake.set()

    async def open(self) -> None:
        """Start sending."""
        for destination in self._destinations:
            await destination.open()
        self._task = asyncio.create_task(self._run(), name="span-exporter")

    async def close(self) -> None:
        """Send what waits, spool what is not taken in time, then stop."""
        self._closing = True
        self._wake.set()
        hurrying = asyncio.get_running_loop().call_later(LAST_WORDS_S, self._hurry)
        if self._task is not None:
            await self._task  # never cancelled: what it has in hand would be lost
        hurrying.cancel()
        for destination in self._destinations:
            await destination.close()

    def _hurry(self) -> None:
        for destination in self._destinations:
            destination.hurry()

    def gauges(self) -> list[tuple[str, str, Callable[[], float]]]:
        """Return what ``/metrics`` is to show of the spans' way: name, help, value."""
        ways = self._destinations
        return [
            (
                "tollkeeper_spans_waiting",
                "Spans that are neither sent nor spooled yet.",
                lambda: self.waiting_spans,
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
        while self._queue or not self._closing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER_S):
                    await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self._export_batch()

    async def _export_batch(self) -> None:
        by_tenant: dict[str, list[Span]] = {}
        taken = taken_spans = size_bytes = 0
        while self._queue and taken < BATCH_EXCHANGES and size_bytes < BATCH_BYTES:
            exchange = self._queue.popleft()
            taken += 1
            taken_spans += _span_count(exchange)
            size_bytes += exchange.bytes_in + exchange.bytes_out
            tenant_id = exchange.tenant_id or UNIDENTIFIED
            by_tenant.setdefault(tenant_id, []).extend(await self._spans(exchange))
            if taken % SLICE_EXCHANGES == 0:
                await asyncio.sleep(0)
        await self._deliver({tenant: spans for tenant, spans in by_tenant.items() if spans})
        self.waiting_spans -= taken_spans

    async def _spans(self, exchange: Exchange) -> list[Span]:
        """Make the spans here, or in a thread where masking their content takes long."""
        try:
            self._count(exchange)
            if exchange.bytes_in + exchange.bytes_out < LARGE_BYTES:
                return self._maker.spans(exchange)
            return await asyncio.to_thread(self._maker.spans, exchange)
        except Exception as error:  # noqa: BLE001 - the exporter's seam: one bad exchange is one
            self._give_up(_span_count(exchange), error)
            return []

    async def _deliver(self, by_tenant: dict[str, list[Span]]) -> None:
        count = sum(len(spans) for spans in by_tenant.values())
        groups = [self._group(tenant, spans) for tenant, spans in by_tenant.items()]
        try:
            body = orjson.dumps({"resourceSpans": groups})
        except orjson.JSONEncodeError as error:
            self._give_up(count, error)
            return
        for destination in self._destinations if count else ():
            try:
                await destination.take(body, span_count=count)
            except Exception as error:  # noqa: BLE001 - the exporter's seam: telemetry never ends
                destination.dropped["delivery_failed"] += count
                self._report("exporter", error)

    def _give_up(self, span_count: int, error: Exception) -> None:
        self.dropped["encoding_failed"] += span_count
        self._report("exporter", error)

    def _group(self, tenant_id: str, spans: list[Span]) -> dict[str, object]:
        resource = {**self._resource, names.TENANT_ID: tenant_id}
        attributes = [{"key": k, "value": {"stringValue": v}} for k, v in resource.items()]
        return {
            "resource": {"attributes": attributes},
            "scopeSpans": [{"scope": {"name": names.PROXY_SCOPE}, "spans": spans}],
            "schemaUrl": names.SCHEMA_URL,
        }


def _span_count(exchange: Exchange) -> int:
    return 1 + len(exchange.attempts)
