"""The one way in for all protocols: a parcel in; an outcome out once it is durable.

Bounded in requests and bytes in flight. Big bodies are decoded on other threads, so the event loop
answers in the meantime; the journal syncs on its own.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tollkeeper_collector.errors import JournalUnavailable, Overloaded
from tollkeeper_collector.journal import Entry, Journal
from tollkeeper_collector.otlp.answers import Outcome
from tollkeeper_collector.receiver.preparing import Parcel, Prepared, prepare
from tollkeeper_collector.receiver.resends import Resends
from tollkeeper_collector.rows import Arrival, Rules
from tollkeeper_collector.tally import SIGNALS, Tally

INLINE_BYTES: Final = 32 * 1024  # decoded in about half a millisecond: less than a hand-over costs
DECODERS: Final = 2  # more would only wait for the interpreter


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What may be in flight, and how big one body may be."""

    max_body_bytes: int = 64 * 1024 * 1024
    max_requests: int = 512
    max_bytes: int = 256 * 1024 * 1024


class Intake:
    """Accepts parcels into the journal; used from one event loop."""

    def __init__(
        self,
        journal: Journal,
        tally: Tally,
        rules: Rules,
        *,
        limits: IntakeLimits | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal, self._tally, self._rules = journal, tally, rules
        self.limits = limits or IntakeLimits()
        self._now_ns = now_ns
        self._resends = Resends(clock)
        self._decoders = ThreadPoolExecutor(DECODERS, thread_name_prefix="decode")
        self._requests = self._bytes = 0

    @property
    def in_flight(self) -> int:
        """How many requests are between arrival and answer."""
        return self._requests

    def recall(self, digests: Iterator[bytes]) -> None:
        """Take requests of an earlier process as seen; call once, inside the event loop."""
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        done.set_result(Outcome())
        for digest in digests:
            self._resends.remember(digest, done)

    @contextmanager
    def admitted(self, size_bytes: int) -> Iterator[None]:
        """Count a request as in flight; raise Overloaded when there are too many."""
        if self._requests >= self.limits.max_requests or self._bytes > self.limits.max_bytes:
            raise Overloaded("too much in flight")
        self._requests += 1
        self._bytes += size_bytes
        try:
            yield
        finally:
            self._requests -= 1
            self._bytes -= size_bytes

    async def accept(self, parcel: Parcel) -> Outcome:
        """Return the outcome once what is kept is durable; raise CollectorError."""
        arrival = Arrival(parcel.identity, self._now_ns(), self._rules)
        prepared = await self._prepared(parcel, arrival)
        if prepared.entry is None:
            self._count(parcel, prepared)
            return prepared.outcome
        if (first := self._resends.recall(prepared.entry.digest)) is not None:
            outcome = await asyncio.shield(first)
            self._tally.add("repeated", parcel.signal, prepared.entry.rows)
            return outcome
        outcome = await self._journalled(prepared, prepared.entry)
        self._count(parcel, prepared)
        return outcome

    def close(self) -> None:
        """End the decoding threads."""
        self._decoders.shutdown()

    async def _prepared(self, parcel: Parcel, arrival: Arrival) -> Prepared:
        limit = self.limits.max_body_bytes
        if len(parcel.body) <= INLINE_BYTES and not parcel.coding:
            return prepare(parcel, arrival, limit)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._decoders, prepare, parcel, arrival, limit)

    async def _journalled(self, prepared: Prepared, entry: Entry) -> Outcome:
        arrival: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._resends.remember(entry.digest, arrival)
        written = asyncio.ensure_future(asyncio.wrap_future(self._journal.append(entry)))
        written.add_done_callback(lambda done: self._settle(done, arrival, prepared, entry))
        return await asyncio.shield(arrival)

    def _settle(
        self,
        written: "asyncio.Future[None]",
        arrival: "asyncio.Future[Outcome]",
        prepared: Prepared,
        entry: Entry,
    ) -> None:
        """Tell all who wait for a request; also when the first of them has gone."""
        error = written.exception()
        if error is None:
            self._tally.add("accepted", SIGNALS[entry.signal], entry.rows)
            arrival.set_result(prepared.outcome)
            return
        self._resends.forget(entry.digest)
        arrival.set_exception(JournalUnavailable(str(error)))
        arrival.exception()  # somebody may still be waiting, but nobody has to be

    def _count(self, parcel: Parcel, prepared: Prepared) -> None:
        for reason, count in prepared.rejected.items():
            self._tally.add("rejected", parcel.signal, count, reason=reason)
