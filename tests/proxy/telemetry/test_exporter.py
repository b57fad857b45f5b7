"""Ended exchanges to real collectors: never in the way, nothing lost uncounted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.proxy.exchanges import chat, dispatched, exchange
from tests.proxy.telemetry.collector import FakeCollector
from tests.proxy.telemetry.otlp import ReadSpan, read_spans
from tests.proxy.upstream.calls import until

from tollkeeper import semconv as names
from tollkeeper.control.keys import TENANT
from tollkeeper.keys import Identity
from tollkeeper_proxy.exchange import Exchange
from tollkeeper_proxy.telemetry import exporter as exporting
from tollkeeper_proxy.telemetry.destination import Destination, otlp_head
from tollkeeper_proxy.telemetry.exporter import (
    BATCH_BYTES,
    BATCH_EXCHANGES,
    UNIDENTIFIED,
    SpanExporter,
)
from tollkeeper_proxy.telemetry.spans import SpanMaker
from tollkeeper_proxy.telemetry.spool import Spool
from tollkeeper_proxy.upstream import Origin
from tollkeeper_proxy.upstream.http import HttpUpstream

Make = Callable[..., SpanExporter]


@pytest.fixture
async def make(
    tmp_path: Path, collector: FakeCollector, upstream: HttpUpstream, complaints: list[str]
) -> AsyncIterator[Make]:
    """Return how to make an exporter to the collector and to others."""
    made: list[SpanExporter] = []

    def report(part: str, error: Exception) -> None:
        complaints.append(f"{part}: {error}")

    def new(
        *others: FakeCollector,
        queue_size: int = 1000,
        spool_bytes: int = 1 << 20,
        count: Callable[[Exchange], None] = lambda _: None,
    ) -> SpanExporter:
        ways = []
        for number, each in enumerate((collector, *others)):
            origin = Origin("http", "127.0.0.1", each.port)
            head = otlp_head(origin, "/v1/traces", "")
            spool = Spool(tmp_path / str(number), limit_bytes=spool_bytes)
            ways.append(Destination(upstream, origin, head, spool=spool, report=report))
        exporter = SpanExporter(
            SpanMaker(telemetry_names={}, clean=None),
            ways,
            resource={names.SERVICE_NAME: "tollkeeper-proxy"},
            queue_size=queue_size,
            count=count,
            report=report,
        )
        made.append(exporter)
        return exporter

    yield new
    for exporter in made:
        await exporter.close()


def ended(number: int = 1, *, tenant: str = "t1", size_bytes: int = 0) -> Exchange:
    """Return an ended exchange of two spans, told apart by its number."""
    opened = dispatched(exchange(chat(), identity=Identity("k1", "one", tenant)))
    opened.request_id, opened.outcome, opened.status = f"req-{number}", "complete", 200
    opened.bytes_in = size_bytes
    return opened


def unsendable() -> Exchange:
    """Return an exchange that no JSON can hold: half a surrogate pair."""
    opened = ended()
    opened.request_id = "\ud800"
    return opened


def spans_at(collector: FakeCollector) -> list[ReadSpan]:
    return [span for body in collector.taken for span in read_spans(body)]


def ids_at(collector: FakeCollector) -> list[str]:
    return [span.attributes[names.REQUEST_ID] for span in spans_at(collector) if span.kind == 2]


def spooled_spans(folder: Path) -> int:
    files = (folder / "0").glob("*.otlp.json")
    return sum(len(read_spans(path.read_bytes())) for path in files)


def balance(exporter: SpanExporter, folder: Path) -> int:
    """Return all spans the exporter can account for, on the way to its first collector."""
    way = exporter._destinations[0]
    dropped = exporter.dropped.total() + way.dropped.total()
    return way.sent_spans + exporter.waiting_spans + spooled_spans(folder) + dropped


async def test_spans_arrive_under_their_tenant(make: Make, collector: FakeCollector) -> None:
    exporter = make()
    await exporter.open()
    exporter.offer(ended(1, tenant="t1"))
    exporter.offer(ended(2, tenant="t2"))
    await until(lambda: len(spans_at(collector)) == 4)
    for span in spans_at(collector):
        number = span.attributes[names.REQUEST_ID].removeprefix("req-")
        assert span.resource[names.TENANT_ID] == f"t{number}"
        assert span.resource[names.SERVICE_NAME] == "tollkeeper-proxy"


async def test_spans_of_nobody_arrive_under_a_tenant_that_no_key_can_have(
    make: Make, collector: FakeCollector
) -> None:
    exporter = make()
    await exporter.open()
    stranger = ended()
    stranger.identity = None
    exporter.offer(stranger)
    await until(lambda: len(spans_at(collector)) == 2)
    assert {span.resource[names.TENANT_ID] for span in spans_at(collector)} == {UNIDENTIFIED}
    assert not TENANT.fullmatch(UNIDENTIFIED)


async def test_every_collector_gets_every_span(make: Make, collector: FakeCollector) -> None:
    other = FakeCollector()
    await other.open()
    exporter = make(other)
    await exporter.open()
    exporter.offer(ended())
    await until(lambda: len(spans_at(collector)) == len(spans_at(other)) == 2)
    await other.close()


async def test_a_full_queue_drops_the_newest_and_counts_its_spans(
    make: Make, collector: FakeCollector, tmp_path: Path
) -> None:
    exporter = make(queue_size=2)
    for number in range(5):
        exporter.offer(ended(number))
    assert exporter.dropped == {"queue_full": 6}
    assert balance(exporter, tmp_path) == 10
    await exporter.open()
    await until(lambda: ids_at(collector) == ["req-0", "req-1"])


async def test_offering_never_waits_for_a_collector_that_says_nothing(
    make: Make, collector: FakeCollector, tmp_path: Path
) -> None:
    collector.silent = True
    exporter = make(queue_size=50)
    await exporter.open()
    exporter.offer(ended(0))
    await until(lambda: len(collector.heads) == 1)
    for number in range(100):
        exporter.offer(ended(number))
    assert exporter.dropped == {"queue_full": 100}
    assert balance(exporter, tmp_path) == 202
    await collector.close()  # the silence ends, and what was in hand is spooled


async def test_closing_loses_nothing_that_is_in_hand(
    make: Make, collector: FakeCollector, tmp_path: Path
) -> None:
    collector.silent = True
    exporter = make()
    await exporter.open()
    exporter.offer(ended(1))
    await until(lambda: len(collector.heads) == 1)
    exporter.offer(ended(2))
    closing = asyncio.create_task(exporter.close())
    await asyncio.sleep(0.02)
    await collector.close()
    await closing
    assert spooled_spans(tmp_path) == 4
    assert balance(exporter, tmp_path) == 4


async def test_closing_waits_for_a_silent_collector_no_longer_than_it_must(
    make: Make, collector: FakeCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "LAST_WORDS_S", 0.05)
    collector.silent = True
    exporter = make()
    await exporter.open()
    exporter.offer(ended(1))
    await until(lambda: len(collector.heads) == 1)
    exporter.offer(ended(2))
    await exporter.close()
    assert spooled_spans(tmp_path) == 4
    assert balance(exporter, tmp_path) == 4


async def test_closing_sends_what_waits(make: Make, collector: FakeCollector) -> None:
    exporter = make()
    await exporter.open()
    for number in range(BATCH_EXCHANGES + 10):
        exporter.offer(ended(number))
    await exporter.close()
    assert ids_at(collector) == [f"req-{n}" for n in range(BATCH_EXCHANGES + 10)]
    assert exporter.waiting_spans == 0


async def test_large_exchanges_travel_in_smaller_batches(
    make: Make, collector: FakeCollector
) -> None:
    exporter = make()
    for number in range(4):
        exporter.offer(ended(number, size_bytes=BATCH_BYTES // 2))
    await exporter.open()
    await until(lambda: len(collector.taken) == 2)
    assert ids_at(collector) == ["req-0", "req-1", "req-2", "req-3"]


async def test_one_exchange_that_cannot_be_counted_costs_no_other(
    make: Make, collector: FakeCollector, complaints: list[str], tmp_path: Path
) -> None:
    def count(exchange: Exchange) -> None:
        if exchange.request_id == "req-1":
            raise RuntimeError("uncountable")

    exporter = make(count=count)
    for number in range(3):
        exporter.offer(ended(number))
    await exporter.open()
    await until(lambda: ids_at(collector) == ["req-0", "req-2"])
    await until(lambda: exporter.waiting_spans == 0)
    assert exporter.dropped == {"encoding_failed": 2}
    assert complaints == ["exporter: uncountable"]
    assert balance(exporter, tmp_path) == 6


async def test_a_batch_that_cannot_be_written_is_counted_whole_and_the_next_one_goes(
    make: Make, collector: FakeCollector, complaints: list[str], tmp_path: Path
) -> None:
    exporter = make()
    exporter.offer(unsendable())
    exporter.offer(ended(1))
    await exporter.open()
    await until(lambda: exporter.dropped == {"encoding_failed": 4})
    exporter.offer(ended(2))
    await until(lambda: ids_at(collector) == ["req-2"])
    await until(lambda: exporter.waiting_spans == 0)
    assert balance(exporter, tmp_path) == 6
    assert len(complaints) == 1


async def test_the_counts_close_whatever_the_collector_does(
    make: Make, collector: FakeCollector, tmp_path: Path
) -> None:
    exporter = make(queue_size=8, spool_bytes=12_000)
    await exporter.open()
    offered = 0
    for status in (200, 400, 503, 200, 413, 200):
        collector.statuses.append(status)
        for number in range(10):
            exporter.offer(ended(number))
            offered += 2
        await until(lambda: not exporter._queue)
    await collector.close()
    for _ in range(8):
        exporter.offer(ended())
        offered += 2
    await exporter.close()
    assert exporter.waiting_spans == 0
    assert balance(exporter, tmp_path) == offered


async def test_what_metrics_shows_are_the_same_counts(make: Make, collector: FakeCollector) -> None:
    exporter = make(queue_size=1)
    shown = {name: value for name, _, value in exporter.gauges()}
    exporter.offer(ended(1))
    exporter.offer(ended(2))
    assert shown["tollkeeper_spans_waiting"]() == 2
    assert shown["tollkeeper_spans_dropped"]() == 2
    await exporter.open()
    await until(lambda: shown["tollkeeper_spans_sent"]() == 2)
    await until(lambda: shown["tollkeeper_spans_waiting"]() == 0)
    assert shown["tollkeeper_spans_spooled_batches"]() == 0
