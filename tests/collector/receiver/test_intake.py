import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.collector.records import MEMBER, trace_body

from tollkeeper_collector.errors import JournalUnavailable, MalformedRequest, Overloaded
from tollkeeper_collector.journal import Journal, JournalLimits
from tollkeeper_collector.otlp.answers import Outcome
from tollkeeper_collector.receiver.intake import INLINE_BYTES, Intake, IntakeLimits
from tollkeeper_collector.receiver.preparing import Parcel
from tollkeeper_collector.rows import Rules
from tollkeeper_collector.tally import Tally


class Bench:
    """An intake on a journal of its own."""

    def __init__(self, folder: Path, total_bytes: int = 1 << 20) -> None:
        self.tally = Tally()
        self.journal = Journal(folder, JournalLimits(total_bytes=total_bytes))
        limits = IntakeLimits(max_body_bytes=1 << 20, max_requests=2, max_bytes=1000)
        self.intake = Intake(self.journal, self.tally, Rules(), limits=limits)

    async def send(self, *numbers: int, body: bytes | None = None) -> Outcome:
        sent = trace_body(*numbers) if body is None else body
        return await self.intake.accept(Parcel("traces", "protobuf", "", sent, MEMBER))

    def close(self) -> None:
        self.journal.close()
        self.intake.close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path / "journal")
    yield bench
    bench.close()


async def test_an_accepted_request_is_in_the_journal(bench: Bench, tmp_path: Path) -> None:
    assert await bench.send(1, 2) == Outcome()
    assert bench.journal.waiting() == {0: 2}
    assert bench.tally.total("accepted", "traces") == 2
    [file] = (tmp_path / "journal").glob("*.journal")
    assert f"{2:016x}".encode() in file.read_bytes()


async def test_big_bodies_go_the_same_way(bench: Bench) -> None:
    body = trace_body(*range(1, 2000))
    assert len(body) > INLINE_BYTES
    assert await bench.send(body=body) == Outcome()
    assert bench.tally.total("accepted") == 1999


async def test_rejected_records_are_counted_by_reason(bench: Bench) -> None:
    outcome = await bench.send(0, 1)
    assert outcome.rejected == 1
    assert bench.tally.total("rejected", "traces") == 1
    assert bench.tally.total("accepted", "traces") == 1
    assert (await bench.send(0)).rejected == 1


async def test_a_request_sent_again_is_acknowledged_and_not_kept_twice(bench: Bench) -> None:
    body = trace_body(0, 1)
    first = await bench.send(body=body)
    assert await bench.send(body=body) == first
    assert bench.journal.waiting() == {0: 1}
    assert bench.tally.total("repeated") == 1
    assert bench.tally.total("accepted") == 1


async def test_a_resend_that_overtakes_the_answer_waits_for_the_first(bench: Bench) -> None:
    body = trace_body(1)
    outcomes = await asyncio.gather(*(bench.send(body=body) for _ in range(20)))
    assert outcomes == [Outcome()] * 20
    assert bench.journal.waiting() == {0: 1}


async def test_a_sender_that_leaves_takes_nothing_with_it(bench: Bench) -> None:
    body = trace_body(1)
    first = asyncio.ensure_future(bench.send(body=body))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(bench.send(body=body))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == Outcome()
    assert bench.journal.waiting() == {0: 1}
    assert bench.tally.total("accepted") == 1


async def test_a_full_journal_is_told_and_the_request_may_come_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "small", total_bytes=1500)
    body = trace_body(1)
    await bench.send(body=body)
    later = trace_body(2, 3, 4, 5, 6, 7, 8)
    for _ in range(2):
        with pytest.raises(JournalUnavailable):
            await bench.send(body=later)
    assert bench.tally.total("accepted") == 1
    batch = bench.journal.take(10, 10_000, timeout_s=0)
    assert batch is not None
    bench.journal.stored(batch)
    bench.close()


async def test_requests_of_an_earlier_process_are_recognised(tmp_path: Path) -> None:
    body = trace_body(1)
    bench = Bench(tmp_path / "journal")
    await bench.send(body=body)
    bench.close()
    again = Bench(tmp_path / "journal")
    again.intake.recall(again.journal.digests())
    assert await again.send(body=body) == Outcome()
    assert again.journal.waiting() == {0: 1}
    again.close()


async def test_rubbish_is_refused_and_leaves_nothing(bench: Bench) -> None:
    with pytest.raises(MalformedRequest):
        await bench.send(body=b"\xff")
    assert bench.journal.waiting().total() == 0


async def test_only_so_much_is_in_flight(bench: Bench) -> None:
    with bench.intake.admitted(10), bench.intake.admitted(10):
        assert bench.intake.in_flight == 2
        with pytest.raises(Overloaded), bench.intake.admitted(10):
            pass
    with bench.intake.admitted(1001), pytest.raises(Overloaded), bench.intake.admitted(1):
        pass
    with bench.intake.admitted(10):
        assert bench.intake.in_flight == 1
