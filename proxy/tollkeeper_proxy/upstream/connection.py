"""One HTTP/1.1 connection to a provider: an asyncio protocol over llhttp, with back-pressure.

It sends one request at a time and receives its answer in pieces. It decides whether it may be used
again: only when the answer ended as announced, nothing followed it, and the server wants to go on.
It knows no pool and no retry.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, cast

import httptools

from tollkeeper_proxy.errors import UpstreamError, UpstreamFault
from tollkeeper_proxy.upstream import Timeouts

MAX_HEAD_BYTES: Final = 64 * 1024  # nginx and Go accept 32-64 KiB of answer headers
MAX_INFORMATIONAL: Final = 8  # an honest server sends one or two 1xx, a hostile one floods
HIGH_WATER_BYTES: Final = 256 * 1024  # reading pauses above this, goes on below a quarter of it
LOW_WATER_BYTES: Final = HIGH_WATER_BYTES // 4

_SAID: Final[dict[UpstreamFault, str]] = {
    "first_byte_timeout": "the provider sent no answer in time",
    "idle_timeout": "the provider fell silent in the middle of its answer",
    "total_timeout": "the provider's answer took longer than allowed",
}


class _Unsound(Exception):
    """Raised in the parser's callbacks: what is wrong with the answer, and not to be read on."""


class UpstreamConnection(asyncio.Protocol):
    """A connection and the answer it is receiving; implements ``UpstreamAnswer``."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._release: Callable[[UpstreamConnection], None] | None = None
        self.idle_since_s = 0.0
        self.lost = False
        self._reset(Timeouts())

    def _reset(self, timeouts: Timeouts) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._timeouts = timeouts
        self._deadline_s = self._loop.time() + timeouts.total_s
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self._chunks: deque[bytes] = deque()
        self._buffered_bytes = 0
        self._head_bytes = 0
        self._informational = 0
        self._head_done = False
        self._sized = False
        self._complete = False
        self._reusable = False
        self._paused = False
        self._fault: UpstreamError | None = None

    # What the pool and the client call

    def begin(
        self,
        message: bytes,
        timeouts: Timeouts,
        *,
        release: Callable[["UpstreamConnection"], None],
    ) -> None:
        """Send a whole request; its answer is awaited with ``head`` and ``read``."""
        self._reset(timeouts)
        self._release = release
        if self._transport is None or self.lost:
            self._fail("connection_lost", "the provider closed the connection")
            return
        self._transport.write(message)

    async def head(self) -> None:
        """Return when status and headers are there."""
        until_s = self._loop.time() + self._timeouts.first_byte_s
        while not self._head_done:
            if self._fault:
                raise self._fault
            await self._wait(until_s - self._loop.time(), "first_byte_timeout")

    async def read(self) -> bytes:
        while not self._chunks:
            if self._fault:
                raise self._fault
            if self._complete:
                return b""
            await self._wait(self._timeouts.idle_s, "idle_timeout")
        piece = self._chunks.popleft() if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._buffered_bytes = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return piece

    async def read_all(self, limit_bytes: int) -> bytes:
        pieces = []
        size_bytes = 0
        while piece := await self.read():
            pieces.append(piece)
            size_bytes += len(piece)
            if size_bytes > limit_bytes:
                raise UpstreamError("too_large", "the provider's answer is larger than allowed")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """End this answer: back to the pool if nothing is in doubt, cut off otherwise."""
        release, self._release = self._release, None
        if release is None:
            return
        if not (self._complete and self._reusable and not self._chunks) or self._fault:
            self.abort()
        release(self)

    def abort(self) -> None:
        """Cut the connection off at once."""
        self.lost = True
        if self._transport is not None:
            self._transport.abort()

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._release is None:
            self.abort()  # bytes nobody asked for: whatever they are, this connection is done
            return
        try:
            self._parser.feed_data(data)
            if not self._head_done:  # a read that ends a head may hold the body's beginning too
                self._count_head(len(data))
        except _Unsound as error:
            self._fail("bad_response", f"the provider's answer is not sound HTTP: {error}")
        except httptools.HttpParserUpgrade:
            self._fail("bad_response", "the provider tried to change the protocol")
        except httptools.HttpParserError as error:
            self._reusable = False
            if not self._complete:
                why = error.__context__ if isinstance(error.__context__, _Unsound) else error
                self._fail("bad_response", f"the provider's answer is not sound HTTP: {why}")
        self._wake()

    def eof_received(self) -> None:
        """Let the transport close; ``connection_lost`` judges what the end means."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._reusable = False
        if self._release is None or self._complete:
            return
        if self._head_done and not self._sized and exc is None:
            self._complete = True  # a body that ends with the connection (RFC 9112, 6.3)
        else:
            self._fail(
                "connection_lost", "the provider closed the connection before its answer ended"
            )
        self._wake()

    # What the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))
        self._count_head(len(name) + len(value))

    def on_headers_complete(self) -> None:
        status = int(self._parser.get_status_code())
        if 100 <= status < 200:
            self._informational += 1
            self.headers.clear()
            if self._informational > MAX_INFORMATIONAL:
                raise _Unsound("too many informational answers")
            return
        if not 200 <= status < 600:
            raise _Unsound("an unknown status")
        codings = [value.lower() for name, value in self.headers if name == "transfer-encoding"]
        if codings not in ([], ["chunked"]):
            raise _Unsound("an unknown transfer coding")
        self.status = status
        self._sized = bool(codings) or any(name == "content-length" for name, _ in self.headers)
        self._head_done = True

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)
        self._buffered_bytes += len(body)
        if self._buffered_bytes > HIGH_WATER_BYTES and not self._paused and self._transport:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if not self._head_done:
            return  # the end of an informational answer
        self._complete = True
        self._reusable = bool(self._parser.should_keep_alive()) and self._sent_whole()

    def on_message_begin(self) -> None:
        if self._complete:
            raise _Unsound("something follows it")

    def _count_head(self, size_bytes: int) -> None:
        self._head_bytes += size_bytes
        if self._head_bytes > MAX_HEAD_BYTES:
            raise _Unsound("too many headers")

    def _sent_whole(self) -> bool:
        return self._transport is not None and self._transport.get_write_buffer_size() == 0

    def _fail(self, fault: UpstreamFault, message: str) -> None:
        if self._fault is None:
            self._fault = UpstreamError(fault, message)
        self.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self, limit_s: float, fault: UpstreamFault) -> None:
        remaining_s = self._deadline_s - self._loop.time()
        if remaining_s < limit_s:
            limit_s, fault = max(remaining_s, 0.0), "total_timeout"
        self._waiter = self._loop.create_future()
        timer = self._loop.call_later(limit_s, self._fail, fault, _SAID[fault])
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None
