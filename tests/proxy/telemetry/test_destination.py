"""Batches to a real collector over HTTP: straight on, or through the spool while it is away."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.proxy.telemetry.collector import FakeCollector
from tests.proxy.upstream.calls import until

from tollkeeper_proxy.telemetry.destination import Destination, otlp_head
from tollkeeper_proxy.telemetry.spool import Spool, SpooledBatch
from tollkeeper_proxy.upstream import Origin
from tollkeeper_proxy.upstream.http import HttpUpstream

Make = Callable[..., Destination]
ROOMY = 1 << 20


@pytest.fixture
async def make(
    tmp_path: Path, collector: FakeCollector, upstream: HttpUpstream, complaints: list[str]
) -> AsyncIterator[Make]:
    """Return how to make a destination; ``spool`` is its folder's, ``origin`` its collector's."""
    made: list[Destination] = []

    def new(*, spool: Spool | None = None, limit_bytes: int = ROOMY) -> Destination:
        origin = Origin("http", "127.0.0.1", collector.port)
        destination = Destination(
            upstream,
            origin,
            otlp_head(origin, "/v1/traces", "tk-system"),
            spool=spool or Spool(tmp_path / "spool", limit_bytes=limit_bytes),
            report=lambda part, error: complaints.append(f"{part}: {error}"),
        )
        made.append(destination)
        return destination

    yield new
    for destination in made:
        await destination.close()


def spooled(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "spool").glob("*.otlp.json"))]


async def test_a_batch_goes_straight_to_the_collector(
    make: Make, collector: FakeCollector, tmp_path: Path
) -> None:
    destination = make()
    await destination.open()
    await destination.take(b'{"a":1}', span_count=3)
    assert collector.taken == [b'{"a":1}']
    assert (destination.sent_spans, destination.dropped.total()) == (3, 0)
    assert spooled(tmp_path) == []
    head = collector.heads[0].split(b"\r\n")
    assert head[0] == b"POST /v1/traces HTTP/1.1"
    assert b"Host: 127.0.0.1:%d" % collector.port in head
    assert b"Authorization: Bearer tk-system" in head
    assert b"Content-Type: application/json" in head


@pytest.mark.parametrize(
    ("reply", "rejected"),
    [
        (b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}}', 2),
        (b'{"partialSuccess": {"rejectedSpans": 2}}', 2),
        (b'{"partialSuccess": {"rejectedSpans": "99"}}', 3),
        (b'{"partialSuccess": {"rejectedSpans": "-1"}}', 0),
        (b'{"partialSuccess": {"rejectedSpans": "many"}}', 0),
        (b'{"partialSuccess": {"errorMessage": "only a warning"}}', 0),
        (b'{"partialSuccess": null}', 0),
        (b"[]", 0),
        (b"", 0),
        (b"not json", 0),
    ],
)
async def test_spans_a_collector_takes_the_rest_without_are_counted_as_rejected(
    make: Make, collector: FakeCollector, complaints: list[str], reply: bytes, rejected: int
) -> None:
    collector.reply = reply
    destination = make()
    await destination.open()
    await destination.take(b"{}", span_count=3)
    assert destination.sent_spans == 3 - rejected
    assert destination.dropped["rejected"] == rejected
    assert len(complaints) == (1 if rejected else 0)


async def test_in_a_hurry_what_is_in_hand_and_what_comes_is_spooled(
    make: Make, collector: FakeCollector, tmp_path: Path
) -> None:
    collector.silent = True
    destination = make()
    await destination.open()
    taking = asyncio.create_task(destination.take(b"1", span_count=1))
    await until(lambda: len(collector.heads) == 1)
    destination.hurry()
    await taking
    await destination.close()
    await destination.take(b"2", span_count=1)
    assert spooled(tmp_path) == [b"1", b"2"]
    assert len(collector.heads) == 1


async def test_while_the_collector_is_away_batches_wait_and_are_then_sent_in_their_order(
    make: Make, collector: FakeCollector, tmp_path: Path
) -> None:
    destination = make()
    await destination.open()
    await collector.close()
    for number in range(5):
        await destination.take(b"%d" % number, span_count=2)
    assert (destination.sent_spans, destination.spooled_batches()) == (0, 5)
    await collector.open()
    await destination.take(b"5", span_count=2)  # the newest goes behind those that wait
    await until(lambda: destination.spooled_batches() == 0)
    assert collector.taken == [b"%d" % number for number in range(6)]
    assert (destination.sent_spans, destination.dropped.total()) == (12, 0)
    assert spooled(tmp_path) == []
    await until(lambda: not destination._away.is_set())
    await destination.take(b"6", span_count=2)
    assert collector.taken[-1] == b"6"


@pytest.mark.parametrize("status", [429, 502, 503, 504, 401, 403])
async def test_what_may_pass_is_tried_again_until_it_does(
    make: Make, collector: FakeCollector, status: int
) -> None:
    destination = make()
    await destination.open()
    collector.statuses.extend([status, status])
    await destination.take(b"x", span_count=2)
    assert destination.spooled_batches() == 1
    await until(lambda: collector.taken == [b"x"])
    await until(lambda: destination.spooled_batches() == 0)
    assert (destination.sent_spans, destination.dropped.total()) == (2, 0)


@pytest.mark.parametrize("status", [400, 404, 413, 415, 500])
async def test_what_is_refused_for_good_is_given_up_counted_and_reported(
    make: Make, collector: FakeCollector, complaints: list[str], status: int
) -> None:
    destination = make()
    await destination.open()
    collector.statuses.append(status)
    await destination.take(b"x", span_count=7)
    await destination.take(b"y", span_count=1)
    assert collector.taken == [b"y"]
    assert destination.dropped == {f"refused_{status}": 7}
    assert (destination.sent_spans, destination.spooled_batches()) == (1, 0)
    assert complaints == [f"collector: collector answered {status}"]


async def test_a_spooled_batch_that_is_refused_for_good_does_not_block_the_others(
    make: Make, collector: FakeCollector
) -> None:
    destination = make()
    await destination.open()
    collector.statuses.extend([503, 400])
    await destination.take(b"bad", span_count=3)
    await destination.take(b"good", span_count=1)
    await until(lambda: collector.taken == [b"good"])
    assert destination.dropped["refused_400"] == 3


async def test_a_redirect_is_not_followed_and_nothing_is_thrown_away_for_it(
    make: Make, collector: FakeCollector
) -> None:
    destination = make()
    await destination.open()
    collector.statuses.append(307)
    await destination.take(b"x", span_count=1)
    assert (destination.spooled_batches(), destination.dropped.total()) == (1, 0)


async def test_what_the_spool_cannot_hold_is_counted(make: Make, collector: FakeCollector) -> None:
    destination = make(limit_bytes=4)
    await destination.open()
    await collector.close()
    await destination.take(b"1234", span_count=2)
    await destination.take(b"5678", span_count=3)
    assert destination.dropped["spool_full"] == 3
    assert destination.spooled_batches() == 1


async def test_the_next_run_sends_what_the_last_one_left(
    make: Make, collector: FakeCollector, tmp_path: Path
) -> None:
    first = make()
    await first.open()
    await collector.close()
    await first.take(b"old", span_count=2)
    await first.close()
    assert spooled(tmp_path) == [b"old"]
    await collector.open()
    second = make()
    await second.open()
    await until(lambda: collector.taken == [b"old"])
    await until(lambda: second.sent_spans == 2)


async def test_a_lost_file_is_counted_and_the_rest_is_sent(
    make: Make, collector: FakeCollector, tmp_path: Path
) -> None:
    destination = make()
    await destination.open()
    await collector.close()
    await destination.take(b"lost", span_count=4)
    await destination.take(b"kept", span_count=1)
    min((tmp_path / "spool").iterdir()).unlink()
    await collector.open()
    await until(lambda: collector.taken == [b"kept"])
    assert destination.dropped["unreadable"] == 4


async def test_a_batch_spooled_while_the_last_look_finds_nothing_is_sent_all_the_same(
    make: Make, collector: FakeCollector, tmp_path: Path
) -> None:
    slow = _SlowToSayNothing(tmp_path / "spool", limit_bytes=ROOMY)
    destination = make(spool=slow)
    await destination.open()
    collector.statuses.append(503)
    await destination.take(b"first", span_count=1)
    await until(slow.looked.is_set)  # it has found nothing left, and has not said so yet
    await destination.take(b"second", span_count=1)
    slow.may_say.set()
    await until(lambda: collector.taken == [b"first", b"second"])


async def test_a_spool_that_fails_does_not_end_the_draining(
    make: Make, collector: FakeCollector, complaints: list[str], tmp_path: Path
) -> None:
    destination = make(spool=_FailsOnce(tmp_path / "spool", limit_bytes=ROOMY))
    await destination.open()
    collector.statuses.append(503)
    await destination.take(b"x", span_count=1)
    await until(lambda: collector.taken == [b"x"])
    assert complaints == ["span-spool: the disk has gone"]


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (Origin("http", "127.0.0.1", 4318), b"Host: 127.0.0.1:4318"),
        (Origin("http", "collector", 80), b"Host: collector"),
        (Origin("https", "collector", 443), b"Host: collector"),
        (Origin("https", "collector", 80), b"Host: collector:80"),
        (Origin("http", "::1", 4318), b"Host: [::1]:4318"),
    ],
)
def test_the_host_is_named_as_http_wants_it(origin: Origin, host: bytes) -> None:
    head = otlp_head(origin, "/v1/traces", "")
    assert host in head.split(b"\r\n")
    assert b"Authorization" not in head
    assert head.endswith(b"\r\nContent-Length: ")


class _SlowToSayNothing(Spool):
    """Takes its time, once, to report that nothing is left."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        super().__init__(folder, limit_bytes=limit_bytes)
        self.looked = threading.Event()
        self.may_say = threading.Event()

    def oldest(self) -> SpooledBatch | None:
        batch = super().oldest()
        if batch is None and not self.looked.is_set():
            self.looked.set()
            assert self.may_say.wait(20)
        return batch


class _FailsOnce(Spool):
    """Fails the first time it is asked for the oldest batch."""

    failed = False

    def oldest(self) -> SpooledBatch | None:
        if not self.failed:
            self.failed = True
            raise OSError("the disk has gone")
        return super().oldest()
