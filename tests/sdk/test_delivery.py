"""The queue between the application and the exporter: bounded, counted, never in the way."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan

from tollkeeper.delivery import Batching, Delivery

SPAN = ReadableSpan("s")
NEVER = 3_600.0


@dataclass
class FakeCarrier:
    """Takes what ``answers`` says, then everything; ``gate`` closed means it hangs."""

    answers: list[int | Exception] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)
    closed: bool = False
    forks: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    def send(self, spans: Sequence[ReadableSpan]) -> int:
        self.reached.set()
        assert self.gate.wait(20)
        self.batches.append(len(spans))
        answer = self.answers.pop(0) if self.answers else len(spans)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed = True

    def forked(self) -> None:
        self.forks += 1


@contextmanager
def delivering(carrier: FakeCarrier, batching: Batching) -> Iterator[Delivery]:
    delivery = Delivery(carrier, batching)
    try:
        yield delivery
    finally:
        carrier.gate.set()
        delivery.close(5)


def test_nothing_is_sent_before_the_delay_or_a_full_batch() -> None:
    carrier = FakeCarrier()
    with delivering(carrier, Batching(batch_size=10, delay_s=NEVER)) as delivery:
        for _ in range(9):
            delivery.put(SPAN)
        assert delivery.report().waiting == 9
        assert carrier.batches == []


def test_a_full_batch_goes_without_waiting() -> None:
    carrier = FakeCarrier()
    with delivering(carrier, Batching(batch_size=3, delay_s=NEVER)) as delivery:
        for _ in range(3):
            delivery.put(SPAN)
        assert carrier.reached.wait(10)
        assert delivery.flush(10)
        assert carrier.batches == [3]


def test_the_delay_sends_what_there_is() -> None:
    carrier = FakeCarrier()
    with delivering(carrier, Batching(delay_s=0.01)) as delivery:
        delivery.put(SPAN)
        assert carrier.reached.wait(10)


def test_flush_sends_everything_in_batches() -> None:
    carrier = FakeCarrier()
    with delivering(carrier, Batching(batch_size=4, delay_s=NEVER)) as delivery:
        for _ in range(10):
            delivery.put(SPAN)
        assert delivery.flush(10)
        assert sum(carrier.batches) == 10
        assert max(carrier.batches) == 4
        assert delivery.report().delivered == 10


def test_flush_of_nothing_is_done_at_once() -> None:
    with delivering(FakeCarrier(), Batching(delay_s=NEVER)) as delivery:
        assert delivery.flush(0)


def test_an_exporter_that_hangs_blocks_nobody_and_the_overflow_is_counted() -> None:
    carrier = FakeCarrier()
    carrier.gate.clear()
    with delivering(carrier, Batching(queue_size=5, batch_size=2, delay_s=NEVER)) as delivery:
        delivery.put(SPAN)
        delivery.put(SPAN)
        assert carrier.reached.wait(10)
        for _ in range(100):
            delivery.put(SPAN)
        report = delivery.report()
        assert (report.ended, report.waiting, report.dropped) == (102, 7, 95)
        assert not delivery.flush(0.01)


def test_closing_beside_an_exporter_that_hangs_keeps_its_limit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    carrier = FakeCarrier()
    carrier.gate.clear()
    delivery = Delivery(carrier, Batching(batch_size=1, delay_s=NEVER))
    for _ in range(3):
        delivery.put(SPAN)
    assert carrier.reached.wait(10)
    delivery.close(0.01)
    assert carrier.closed
    assert "3 of 3 spans did not arrive (2 dropped, 0 refused, 1 unanswered)" in caplog.text
    carrier.gate.set()


def test_after_closing_spans_are_counted_as_dropped() -> None:
    delivery = Delivery(FakeCarrier(), Batching())
    delivery.close(1)
    delivery.put(SPAN)
    assert delivery.report().dropped == 1


def test_an_exporter_that_raises_costs_its_batch_and_no_more() -> None:
    carrier = FakeCarrier(answers=[ValueError("encoding")])
    with delivering(carrier, Batching(batch_size=2, delay_s=NEVER)) as delivery:
        for _ in range(4):
            delivery.put(SPAN)
        assert delivery.flush(10)
        report = delivery.report()
        assert (report.refused, report.delivered) == (2, 2)


@given(
    answers=st.lists(st.integers(0, 3) | st.just(ValueError("no")), max_size=6),
    puts=st.lists(st.integers(0, 9), max_size=5),
)
def test_the_equation_always_closes(answers: list[int | Exception], puts: list[int]) -> None:
    carrier = FakeCarrier(answers=list(answers))
    with delivering(carrier, Batching(queue_size=8, batch_size=3, delay_s=NEVER)) as delivery:
        for count in puts:
            for _ in range(count):
                delivery.put(SPAN)
            delivery.flush(10)
        report = delivery.report()
        assert report.ended == sum(puts)
        assert report.ended == report.delivered + report.lost + report.waiting


def test_many_threads_lose_no_count() -> None:
    carrier = FakeCarrier()
    with delivering(carrier, Batching(queue_size=10_000, batch_size=7, delay_s=0.01)) as delivery:
        threads = [
            threading.Thread(target=lambda: [delivery.put(SPAN) for _ in range(500)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert delivery.flush(20)
        assert delivery.report().delivered == 4_000 == sum(carrier.batches)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_sends_its_own_spans_and_not_its_parents() -> None:
    carrier = FakeCarrier()
    with delivering(carrier, Batching(delay_s=NEVER)) as delivery:
        delivery.put(SPAN)
        child = os.fork()
        if child == 0:  # no assertion may leave the child: it reports by its exit status
            delivery.put(SPAN)
            delivery.put(SPAN)
            done = delivery.flush(10)
            os._exit(0 if done and carrier.batches == [2] and carrier.forks == 1 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert delivery.flush(10)
        assert carrier.batches == [1]
        assert carrier.forks == 0
