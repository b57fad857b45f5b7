"""From the journal into the store, in the background: batches out, blocks in, until they are kept.

A store that is away is asked again with the identical block, for ever and ever more slowly. What it
refuses is halved until the bad rows stand alone; those become dead letters.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from typing import Final

from tollkeeper.logs import Log
from tollkeeper_collector.chunks import COUNTED_TABLES, UnknownPayload, blocks, part, row_count
from tollkeeper_collector.dead_letters import DeadLetters
from tollkeeper_collector.journal import Batch, Journal
from tollkeeper_collector.journal.records import Record
from tollkeeper_collector.store import Block, Store, StoreRefused, StoreUnavailable
from tollkeeper_collector.tally import SIGNALS, Outcome, Tally

Outcomes = Counter[tuple[Outcome, str]]  # rows of one batch by outcome and signal

FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 10.0
GLANCE_S: Final = 0.05  # how often gathering looks whether there is enough
POLL_S: Final = 0.5  # how soon a stop is noticed when nothing comes


@dataclass(frozen=True, slots=True)
class Pace:
    """How big blocks grow and how long they may wait for it.

    ClickHouse wants about one insert per second: a block of 1,000 rows costs three times as much
    per row as one of 20,000, and beyond that nothing is gained but memory used. Rows that come
    after a silence do not wait.
    """

    max_rows: int = 20_000
    max_bytes: int = 32 * 1024 * 1024  # of payload; as Python objects it is several times that
    gather_s: float = 1.0


class Stopped(Exception):
    """The inserter was told to stop while the store was away."""


class Inserter:
    """The thread that empties the journal."""

    def __init__(
        self,
        journal: Journal,
        store: Store,
        *,
        dead_letters: DeadLetters,
        tally: Tally,
        log: Log,
        prepare: Callable[[], None],
        pace: Pace | None = None,
    ) -> None:
        """Wire it; ``prepare`` makes the store fit for inserts, and may be called again."""
        self._journal, self._store = journal, store
        self._dead_letters, self._tally, self._log = dead_letters, tally, log
        self._prepare, self._pace = prepare, pace or Pace()
        self._batch: Batch | None = None  # taken from the journal, not stored yet
        self._draining, self._stopping = Event(), Event()
        self.prepared = Event()  # the store has its tables
        self._thread = Thread(target=self._run, name="inserter", daemon=True)
        self.store_down_since_s: float | None = None  # on the monotonic clock
        self.failures = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self, drain_s: float) -> None:
        """Store what is journalled, for as long as this may take; the rest waits for a restart."""
        self._draining.set()
        self._thread.join(drain_s)
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if not self.prepared.is_set():
                    self._patiently(self._prepare)
                    self.prepared.set()
                if not self._step() and self._draining.is_set():
                    return
            except Stopped:
                return
            except Exception as error:  # noqa: BLE001  # the background loop must not end
                self._failed("insert failed", error)
                self._stopping.wait(LONGEST_WAIT_S)

    def _step(self) -> bool:
        """Store one batch; tell whether there was one.

        A batch that failed half-way is kept and done again from its start: its blocks are the
        same, so what the store already has is not stored twice.
        """
        if self._batch is None:
            self._batch = self._journal.take(
                self._pace.max_rows, self._pace.max_bytes, timeout_s=POLL_S
            )
        if (batch := self._batch) is None:
            return False
        outcomes: Outcomes = Counter()
        self._keep(batch.records, outcomes)
        self._journal.stored(batch)
        self._batch = None
        self._account(outcomes, batch.lost)
        self._gather()
        return True

    def _gather(self) -> None:
        """Let rows come together, until there are enough or time is up."""
        until_s = time.monotonic() + self._pace.gather_s
        while self._journal.waiting().total() < self._pace.max_rows:
            left_s = until_s - time.monotonic()
            if left_s <= 0 or self._draining.wait(min(left_s, GLANCE_S)):
                return

    def _keep(self, records: tuple[Record, ...], outcomes: Outcomes) -> None:
        try:
            made = blocks([record.entry.payload for record in records])
        except UnknownPayload as error:
            self._keep_apart(records, error, outcomes)
            return
        for block in made:
            self._insert(block, outcomes)

    def _keep_apart(
        self, records: tuple[Record, ...], error: UnknownPayload, outcomes: Outcomes
    ) -> None:
        """Store record by record, so that one unreadable payload costs itself alone."""
        if len(records) > 1:
            for record in records:
                self._keep((record,), outcomes)
            return
        entry = records[0].entry
        text = entry.payload.decode("utf-8", "replace")
        self._dead_letters.keep(Block("unknown", ("payload",), ([text],), text), str(error))
        outcomes["quarantined", SIGNALS[entry.signal]] += entry.rows

    def _insert(self, block: Block, outcomes: Outcomes) -> None:
        try:
            self._patiently(lambda: self._store.insert(block))
        except StoreRefused as refusal:
            rows = row_count(block)
            if rows > 1:
                self._insert(part(block, 0, rows // 2), outcomes)
                self._insert(part(block, rows // 2, rows), outcomes)
                return
            self._dead_letters.keep(block, str(refusal))
            self._log.warning("row refused", table=block.table, reason=str(refusal))
            _count(outcomes, "quarantined", block)
            return
        _count(outcomes, "stored", block)

    def _patiently(self, ask: Callable[[], None]) -> None:
        """Ask the store until it answers; raise Stopped when it is time to leave."""
        wait_s = FIRST_WAIT_S
        while True:
            try:
                ask()
            except StoreUnavailable as error:
                self._failed("store unavailable", error)
                if self._stopping.wait(wait_s * random.uniform(0.8, 1.2)):
                    raise Stopped from error
                wait_s = min(wait_s * 2, LONGEST_WAIT_S)
            else:
                self._succeeded()
                return

    def _succeeded(self) -> None:
        since_s, self.store_down_since_s = self.store_down_since_s, None
        if since_s is not None:
            self._log.info("store is back", away_s=round(time.monotonic() - since_s, 1))

    def _failed(self, event: str, error: Exception) -> None:
        self.failures += 1
        if self.store_down_since_s is None:
            self.store_down_since_s = time.monotonic()
            self._log.warning(event, error=str(error)[:500])

    def _account(self, outcomes: Outcomes, lost: Counter[int]) -> None:
        for (outcome, signal), rows in outcomes.items():
            self._tally.add(outcome, signal, rows)
        for number, rows in lost.items():
            self._tally.add("dropped", SIGNALS[number], rows, reason="journal_damaged")


def _count(outcomes: Outcomes, outcome: Outcome, block: Block) -> None:
    if block.table in COUNTED_TABLES:
        outcomes[outcome, SIGNALS[COUNTED_TABLES.index(block.table)]] += row_count(block)
