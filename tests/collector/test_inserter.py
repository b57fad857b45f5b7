import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from tests.collector.memory_store import MemoryStore

from tollkeeper.logs import Log
from tollkeeper_collector.chunks import Chunk, encode
from tollkeeper_collector.dead_letters import DeadLetters
from tollkeeper_collector.inserter import Inserter, Pace
from tollkeeper_collector.journal import Entry, Journal
from tollkeeper_collector.store import Block, StoreRefused, StoreUnavailable
from tollkeeper_collector.tally import Tally


class Bench:
    """A journal, an inserter and a store in memory, put together."""

    def __init__(self, folder: Path, pace: Pace | None = None) -> None:
        self.folder, self.pace = folder, pace or Pace(gather_s=0)
        self.store, self.tally = MemoryStore(), Tally()
        self.prepared: list[int] = []
        self.open()

    def open(self) -> None:
        self.journal = Journal(self.folder / "journal")
        self.log = Log("tests", io.StringIO())
        self.inserter = Inserter(
            self.journal,
            self.store,
            dead_letters=DeadLetters(self.folder / "dead-letter"),
            tally=self.tally,
            log=self.log,
            prepare=lambda: self.prepared.append(1),
            pace=self.pace,
        )

    def put(self, *traces: str, table: str = "otel_traces") -> None:
        chunk = Chunk(table, len(traces), {"ServiceName": "s"}, {"TraceId": list(traces)})
        signal = 1 if table == "otel_logs" else 0
        digest = "".join(traces).encode().ljust(16, b"\0")[:16]
        entry = Entry(signal, len(traces), digest, encode([chunk]))
        self.journal.append(entry).result(timeout=10)
        self.tally.add("accepted", ("traces", "logs")[signal], len(traces))

    def close(self, drain_s: float = 5.0) -> None:
        self.inserter.close(drain_s)
        self.journal.close()
        self.log.close()

    def letters(self) -> list[str]:
        files = (self.folder / "dead-letter").glob("*.jsonl")
        lines = b"".join(file.read_bytes() for file in files).splitlines()
        return [orjson.loads(line)["row"]["TraceId"] for line in lines]

    def assert_accounted(self) -> None:
        """Hold the loss ledger to its equation."""
        total, waiting = self.tally.total, self.journal.waiting().total()
        known = total("stored") + waiting + total("quarantined") + total("dropped")
        assert total("accepted") + total("recovered") == known


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def refuse(*bad: str) -> Callable[[Block], None]:
    def fault(block: Block) -> None:
        if set(bad) & set(block.data[block.columns.index("TraceId")]):
            raise StoreRefused("bad value")

    return fault


def away(_: Block) -> None:
    raise StoreUnavailable("away")


def test_what_waits_becomes_one_block_per_table(bench: Bench) -> None:
    bench.put("1", "2")
    bench.put("3")
    bench.put("4", table="otel_logs")
    bench.inserter.start()
    bench.close()
    assert [block.table for block in bench.store.asked] == ["otel_traces", "otel_logs"]
    assert bench.store.column("otel_traces", "TraceId") == ["1", "2", "3"]
    assert (bench.tally.total("stored", "traces"), bench.tally.total("stored", "logs")) == (3, 1)
    bench.assert_accounted()


def test_the_store_is_prepared_first(bench: Bench) -> None:
    bench.inserter.start()
    bench.close()
    assert bench.prepared == [1]


def test_a_store_that_is_away_gets_the_identical_block_until_it_takes_it(bench: Bench) -> None:
    bench.put("1", "2")
    bench.store.faults = [away, away, away]
    bench.inserter.start()
    until(lambda: bench.tally.total("stored") == 2)
    bench.put("3")
    bench.close()
    first = bench.store.asked[0]
    assert bench.store.asked[:4] == [first] * 4
    assert bench.inserter.failures == 3
    assert bench.inserter.store_down_since_s is None
    bench.assert_accounted()


def test_one_bad_row_costs_itself_alone(bench: Bench) -> None:
    bench.put(*(str(number) for number in range(1000)))
    bench.store.always = refuse("617")
    bench.inserter.start()
    bench.close()
    assert bench.store.rows("otel_traces") == 999
    assert bench.letters() == ["617"]
    assert bench.tally.total("quarantined", "traces") == 1
    assert len(bench.store.asked) < 40
    bench.assert_accounted()


def test_a_store_that_goes_away_amid_halving_is_waited_for(bench: Bench) -> None:
    bench.put("1", "2", "3", "4")
    bench.store.faults = [refuse("2"), refuse("2"), away, refuse("2")]
    bench.store.always = refuse("2")
    bench.inserter.start()
    bench.close()
    assert sorted(map(str, bench.store.column("otel_traces", "TraceId"))) == ["1", "3", "4"]
    assert bench.letters() == ["2"]
    bench.assert_accounted()


def test_an_unreadable_payload_costs_itself_alone(bench: Bench, tmp_path: Path) -> None:
    bench.put("1")
    bench.journal.append(Entry(0, 2, bytes(16), b"no payload")).result(timeout=10)
    bench.tally.add("accepted", "traces", 2)
    bench.put("3")
    bench.inserter.start()
    bench.close()
    assert bench.store.column("otel_traces", "TraceId") == ["1", "3"]
    [letter] = (tmp_path / "dead-letter").glob("*.jsonl")
    assert b"no payload" in letter.read_bytes()
    bench.assert_accounted()


def test_a_failure_of_our_own_keeps_the_batch_and_does_it_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollkeeper_collector.inserter.LONGEST_WAIT_S", 0.01)
    bench.put("1", "2")
    bench.store.faults = [lambda _: None, _broken]
    bench.put("3", table="otel_logs")
    bench.inserter.start()
    until(lambda: bench.journal.waiting().total() == 0)
    bench.close()
    assert [block.table for block in bench.store.asked] == ["otel_traces", "otel_logs"] * 2
    assert bench.store.asked[:2] == bench.store.asked[2:]
    assert bench.tally.total("stored") == 3
    bench.assert_accounted()


def _broken(_: Block) -> None:
    raise ZeroDivisionError


def test_a_restart_sends_the_block_that_was_under_way_before_anything_else(bench: Bench) -> None:
    bench.put("1", "2")
    bench.store.is_down = True
    bench.inserter.start()
    until(lambda: len(bench.store.asked) > 0)
    bench.put("3")
    bench.close(drain_s=0)
    under_way = bench.store.asked[0]
    bench.open()
    bench.store.is_down = False
    bench.store.asked.clear()
    bench.inserter.start()
    bench.close()
    assert bench.store.asked[0] == under_way
    assert bench.store.column("otel_traces", "TraceId") == ["1", "2", "3"]


def test_stopping_does_not_wait_for_a_store_that_is_away(bench: Bench) -> None:
    bench.put("1")
    bench.store.is_down = True
    bench.inserter.start()
    until(lambda: bench.inserter.failures > 0)
    bench.close(drain_s=0)
    assert bench.tally.total("stored") == 0


def test_blocks_are_bounded(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Pace(max_rows=2, gather_s=0))
    for number in range(5):
        bench.put(str(number))
    bench.inserter.start()
    bench.close()
    assert [len(block.data[0]) for block in bench.store.asked] == [2, 2, 1]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = set(threading.enumerate()) - before
    assert not [thread for thread in left if thread.name in ("inserter", "journal")]
