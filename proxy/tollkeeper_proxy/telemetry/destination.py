"""One collector as the proxy sees it: batches go straight there, or to the spool while it is away.

Order is kept: while older batches wait in the spool, newer ones queue behind them. What the
collector refuses for good is dropped and counted; everything else is tried again without end.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Final

import orjson

from tollkeeper_proxy.errors import UpstreamError
from tollkeeper_proxy.telemetry.spool import Spool
from tollkeeper_proxy.upstream import Origin, Timeouts, Upstream, UpstreamCall

FIRST_WAIT_S: Final = 0.25
LONGEST_WAIT_S: Final = 10.0
MAX_REPLY_BYTES: Final = 1024 * 1024
RETRYABLE: Final = frozenset({429, 502, 503, 504})  # OTLP 1.11, "Retryable response codes"
_TIMEOUTS: Final = Timeouts(connect_s=2.0, first_byte_s=10.0, idle_s=10.0, total_s=30.0)


class Destination:
    """Sends batches to one OTLP/HTTP endpoint, or spools them."""

    def __init__(
        self,
        upstream: Upstream,
        origin: Origin,
        head: bytes,
        *,
        spool: Spool,
        report: Callable[[str, Exception], None],
    ) -> None:
        self._upstream = upstream
        self._origin = origin
        self._head = head
        self._spool = spool
        self._report = report
        self._away = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._patience: asyncio.Timeout | None = None
        self._hurried = False
        self.sent_spans = 0
        self.dropped: Counter[str] = Counter()

    async def open(self) -> None:
        """Look for batches a former run left, and start draining them."""
        await asyncio.to_thread(self._spool.open)
        if self._spool.waiting():
            self._away.set()
        self._task = asyncio.create_task(self._drain(), name="span-spool")

    async def close(self) -> None:
        """Stop draining; what is spooled stays for the next run."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def spooled_batches(self) -> int:
        """Return how many batches wait on disk."""
        return self._spool.waiting()

    async def take(self, body: bytes, *, span_count: int) -> None:
        """Send one batch, or put it behind those that wait."""
        if not self._away.is_set() and await self._send_in_time(body, span_count):
            return
        if await asyncio.to_thread(self._spool.put, body, span_count):
            self._away.set()
        else:
            self.dropped["spool_full"] += span_count

    def hurry(self) -> None:
        """Wait for the collector no longer: what is in hand and what still comes is spooled."""
        self._hurried = True
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time())

    async def _send_in_time(self, body: bytes, span_count: int) -> bool:
        if self._hurried:
            return False
        try:
            async with asyncio.timeout(None) as self._patience:
                return await self._send(body, span_count)
        except TimeoutError:
            return False
        finally:
            self._patience = None

    async def _drain(self) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            await self._away.wait()
            try:
                dealt_with = await self._send_oldest()
            except Exception as error:  # noqa: BLE001 - a background loop's seam
                self._report("span-spool", error)
                dealt_with = False
            if dealt_with:
                wait_s = FIRST_WAIT_S
            else:
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def _send_oldest(self) -> bool:
        batch = await asyncio.to_thread(self._spool.oldest)
        self.dropped["unreadable"] = self._spool.unreadable_spans
        if batch is None:
            if not self._spool.waiting():  # else one came while we looked
                self._away.clear()
            return True
        if not await self._send(batch.body, batch.span_count):
            return False
        await asyncio.to_thread(self._spool.drop, batch)
        return True

    async def _send(self, body: bytes, span_count: int) -> bool:
        """Return whether the batch is dealt with: taken by the collector, or refused for good."""
        call = UpstreamCall(self._origin, self._head, body, _TIMEOUTS)
        try:
            answer = await self._upstream.send(call)
            try:
                reply = await answer.read_all(MAX_REPLY_BYTES)
            finally:
                answer.close()
        except UpstreamError:
            return False
        if answer.status in RETRYABLE or answer.status in {401, 403}:
            return False  # a wrong key is the operator's to mend: nothing is thrown away for it
        if answer.status >= 400:
            self.dropped[f"refused_{answer.status}"] += span_count
            self._report(
                "collector", UpstreamError("bad_response", f"collector answered {answer.status}")
            )
        else:
            self._count_taken(span_count, min(_rejected(reply), span_count))
        return True

    def _count_taken(self, span_count: int, rejected: int) -> None:
        self.sent_spans += span_count - rejected
        if rejected:
            self.dropped["rejected"] += rejected
            told = UpstreamError("bad_response", f"collector rejected {rejected} spans")
            self._report("collector", told)


def _rejected(reply: bytes) -> int:
    """Return how many spans a 200 did not take after all (OTLP's partial success, as JSON)."""
    try:
        told = orjson.loads(reply)
        return max(0, int(told["partialSuccess"]["rejectedSpans"]))
    except (ValueError, TypeError, LookupError):  # all were taken, or it says so in its own way
        return 0


def otlp_head(origin: Origin, path: str, key: str) -> bytes:
    """Return the head of every request to a collector, up to the Content-Length value."""
    default = 443 if origin.scheme == "https" else 80
    name = f"[{origin.host}]" if ":" in origin.host else origin.host
    host = name if origin.port == default else f"{name}:{origin.port}"
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: tollkeeper",
        "Content-Type: application/json",
    ]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    return ("\r\n".join(lines) + "\r\nContent-Length: ").encode("latin-1")
