"""The ledger at work: one thread, one connection, one transaction for all who wait.

The event loop hands in asks and settlements and is never blocked; answers come back in one
call. A store that stays locked or away fails the asks (``LedgerDown``); settlements wait for it.
"""

import asyncio
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from tollkeeper_proxy.ledger import tables, transaction
from tollkeeper_proxy.ledger.entries import Ask, Denied, Granted, LedgerDown, Settlement
from tollkeeper_proxy.ledger.flush import Flusher

log = logging.getLogger(__name__)

GROUP_SIZE = 512  # a transaction stays far under the other workers' patience for the lock
CATCH_UP_SIZE = 2_000  # settlements that waited for the store, booked with each group after
REAP_INTERVAL_S = 5.0
RETRY_S = 0.2
SETTLE_LINGER_S = 0.02  # company for a lone settlement: fifty transactions a second at most
BACKLOG_LIMIT = 200_000  # settlements kept while the store is away: about 100 MB

Verdict = Granted | Denied
Answers = list[tuple[asyncio.Future[Verdict], Verdict | LedgerDown]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    ask: Ask
    future: asyncio.Future[Verdict]


@dataclass(slots=True)
class _Group:
    """What one transaction books, in the order it was handed in."""

    entries: list[Ask | Settlement] = field(default_factory=list)
    futures: list[asyncio.Future[Verdict]] = field(default_factory=list)
    closing: bool = False

    def add(self, entry: _Waiting | Settlement) -> None:
        if isinstance(entry, _Waiting):
            self.entries.append(entry.ask)
            self.futures.append(entry.future)
        else:
            self.entries.append(entry)


class SqliteLedger:
    """The ledger of one worker process; any number of them share the file."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._entries: deque[_Waiting | Settlement] = deque()
        self._bell: SimpleQueue[bool] = SimpleQueue()  # rings True to work, False to close
        self._ring_due = False
        self._backlog: deque[Settlement] = deque()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reap_at_s = 0.0
        self.dropped_settlements = 0

    async def open(self) -> None:
        """Start the thread; raises ``LedgerDown`` when the file cannot be used."""
        self._loop = asyncio.get_running_loop()
        try:
            connection = await asyncio.to_thread(tables.connect, self._path)
        except (sqlite3.Error, OSError) as error:
            raise LedgerDown(f"the ledger at {self._path} cannot be opened: {error}") from error
        self._thread = threading.Thread(
            target=self._work, args=(connection,), name="ledger", daemon=True
        )
        self._thread.start()

    async def close(self) -> None:
        """Book everything handed in so far, flush it, then stop."""
        if self._thread is not None:
            self._bell.put(False)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    async def reserve(self, ask: Ask) -> Verdict:
        """Return what could be held; raises ``LedgerDown``.

        Who is cancelled or fails here must still settle with 0: the hold may come about.
        """
        if self._loop is None or self._thread is None:
            raise LedgerDown("the ledger is not open")
        future: asyncio.Future[Verdict] = self._loop.create_future()
        self._entries.append(_Waiting(ask, future))
        self._bell.put(True)
        return await future

    def settle(self, settlement: Settlement) -> None:
        """Queue a settlement behind every ask handed in before it.

        Called on the event loop's thread. It rides along with the next ask, or goes alone soon.
        """
        self._entries.append(settlement)
        if not self._ring_due and self._loop is not None:
            self._ring_due = True
            self._loop.call_later(SETTLE_LINGER_S, self._ring)

    def _ring(self) -> None:
        self._ring_due = False
        self._bell.put(True)

    def _work(self, connection: sqlite3.Connection) -> None:
        flusher = Flusher(self._path)
        try:
            closing = False
            while not closing:
                closing = self._work_once(connection, flusher)
        finally:
            if self._backlog:
                log.error("the ledger closed with %d settlements not booked", len(self._backlog))
            flusher.close()
            connection.close()

    def _work_once(self, connection: sqlite3.Connection, flusher: Flusher) -> bool:
        """Book what waits and do the chores; return whether it was the last time."""
        group = self._collect()
        self._attend(connection, group, flusher)
        self._reap(connection)
        return group.closing

    def _collect(self) -> _Group:
        group = _Group()
        idle_s = RETRY_S if self._backlog else REAP_INTERVAL_S
        with suppress(Empty):
            rung = self._bell.get(timeout=0.0 if self._entries else idle_s)
            while rung:
                rung = self._bell.get_nowait()
            group.closing = True
        limit = len(self._entries) if group.closing else GROUP_SIZE
        with suppress(IndexError):
            while len(group.entries) < limit:
                group.add(self._entries.popleft())
        return group

    def _attend(self, connection: sqlite3.Connection, group: _Group, flusher: Flusher) -> None:
        portion = len(self._backlog) if group.closing else CATCH_UP_SIZE
        waited = [self._backlog.popleft() for _ in range(min(len(self._backlog), portion))]
        entries = [*waited, *group.entries]
        if not entries:
            return
        outcomes = self._book(connection, entries)
        if any(isinstance(entry, Settlement) for entry in entries):
            flusher.mark_unflushed()
        self._answer(list(zip(group.futures, outcomes, strict=True)))

    def _book(
        self, connection: sqlite3.Connection, entries: Sequence[Ask | Settlement]
    ) -> Sequence[Verdict | LedgerDown]:
        """Return one outcome per ask; keeps the settlements that could not be written yet."""
        try:
            return transaction.book(connection, entries, self._clock())
        except sqlite3.Error as error:
            log.warning("the ledger cannot be written: %s", error)
            self._keep([entry for entry in entries if isinstance(entry, Settlement)])
            return [LedgerDown(str(error)) for entry in entries if isinstance(entry, Ask)]
        except Exception:  # the loop's seam: a fault of ours must not stop all accounting
            if len(entries) > 1:  # one of them is to blame; the others must not suffer
                return [each for entry in entries for each in self._book(connection, [entry])]
            log.exception("the ledger cannot book %s", entries[0].reservation_id)
            if isinstance(entries[0], Ask):
                return [LedgerDown("the request cannot be booked")]
            self.dropped_settlements += 1
            return []

    def _keep(self, settlements: list[Settlement]) -> None:
        excess = max(0, len(self._backlog) + len(settlements) - BACKLOG_LIMIT)
        self.dropped_settlements += excess
        self._backlog.extend(settlements[excess:])

    def _reap(self, connection: sqlite3.Connection) -> None:
        now_s = time.monotonic()
        if now_s < self._reap_at_s:
            return
        self._reap_at_s = now_s + REAP_INTERVAL_S
        try:
            lost = transaction.reap(connection, self._clock())
        except sqlite3.Error as error:
            log.warning("expired holds stay for now: %s", error)
            return
        if lost:
            log.warning("%d reservations were never settled; their holds are released", lost)

    def _answer(self, answers: Answers) -> None:
        if answers and self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_deliver, answers)


def _deliver(answers: Answers) -> None:
    for future, outcome in answers:
        if future.done():
            continue
        if isinstance(outcome, LedgerDown):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
