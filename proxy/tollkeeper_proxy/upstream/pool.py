"""Connections kept per origin: handed out newest first, never one in doubt, never too many.

A connection idle for too long is closed rather than risked: a request written into a connection
the provider is just closing cannot be told from one it has processed.
"""

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from tollkeeper_proxy.errors import UpstreamError
from tollkeeper_proxy.upstream import Origin, UpstreamCall
from tollkeeper_proxy.upstream.connection import UpstreamConnection

# Node and uvicorn close idle connections after 5 s; the big providers' edges after 60 s and more.
PLAIN_IDLE_S: Final = 4.0
TLS_IDLE_S: Final = 30.0
MAX_WAITING: Final = 2048  # callers waiting for a connection per origin; more are turned away


@dataclass(slots=True)
class _Line:
    """One origin's connections: idle ones, how many are open, and who waits for one.

    Who waits is given a connection, or None: the right to open one in the place of another.
    """

    idle: list[UpstreamConnection] = field(default_factory=list)
    open_count: int = 0
    waiting: deque[asyncio.Future[UpstreamConnection | None]] = field(default_factory=deque)


class ConnectionPool:
    """Hands out connections; each call to ``begin`` is ended by the connection's ``close``."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._tls = tls or ssl.create_default_context()
        self._lines: dict[Origin, _Line] = {}
        self._closed = False

    async def begin(self, call: UpstreamCall) -> UpstreamConnection:
        """Return a connection on which ``call`` is being sent."""
        line = self._lines.get(call.origin)
        if line is None:
            line = self._lines[call.origin] = _Line()
        connection = self._idle_one(call.origin, line)
        if connection is None:
            connection = await self._open(call, line)
        message = b"%b%d\r\n\r\n%b" % (call.head, len(call.body), call.body)
        connection.begin(message, call.timeouts, release=lambda ended: self._take_back(line, ended))
        return connection

    def close(self) -> None:
        """Close every idle connection; those in use end with their answers."""
        self._closed = True
        for line in self._lines.values():
            while line.idle:
                line.idle.pop().abort()
                line.open_count -= 1

    def open_connections(self, origin: Origin) -> int:
        """Return how many connections to this origin are open, in use or idle."""
        line = self._lines.get(origin)
        return line.open_count if line else 0

    def _idle_one(self, origin: Origin, line: _Line) -> UpstreamConnection | None:
        limit_s = TLS_IDLE_S if origin.scheme == "https" else PLAIN_IDLE_S
        oldest_s = self._loop.time() - limit_s
        while line.idle:
            connection = line.idle.pop()
            if not connection.lost and connection.idle_since_s >= oldest_s:
                return connection
            connection.abort()
            line.open_count -= 1
        return None

    async def _open(self, call: UpstreamCall, line: _Line) -> UpstreamConnection:
        if line.open_count < call.max_connections:
            line.open_count += 1
        else:
            given = await self._wait_for_room(line, call.timeouts.connect_s)
            if given is not None and not given.lost:
                return given
        try:
            return await self._connect(call.origin, call.timeouts.connect_s)
        except BaseException:
            self._pass_on(line, None)
            raise

    async def _connect(self, origin: Origin, limit_s: float) -> UpstreamConnection:
        try:
            async with asyncio.timeout(limit_s):
                _, connection = await self._loop.create_connection(
                    lambda: UpstreamConnection(self._loop),
                    origin.host,
                    origin.port,
                    ssl=self._tls if origin.scheme == "https" else None,
                )
        except TimeoutError as error:
            raise UpstreamError(
                "connect_timeout", "the provider could not be reached in time"
            ) from error
        except ssl.SSLError as error:
            raise UpstreamError(
                "connect_failed", "the provider's TLS certificate or handshake failed"
            ) from error
        except OSError as error:
            raise UpstreamError("connect_failed", "the provider could not be reached") from error
        return connection

    async def _wait_for_room(self, line: _Line, limit_s: float) -> UpstreamConnection | None:
        if len(line.waiting) >= MAX_WAITING:
            raise UpstreamError("pool_exhausted", "too many requests wait for this provider")
        place: asyncio.Future[UpstreamConnection | None] = self._loop.create_future()
        line.waiting.append(place)
        try:
            async with asyncio.timeout(limit_s):
                return await place
        except BaseException as error:
            if place.done() and not place.cancelled():  # its turn came just as it left
                self._pass_on(line, place.result())
            if place in line.waiting:
                line.waiting.remove(place)
            if isinstance(error, TimeoutError):
                raise UpstreamError(
                    "pool_exhausted", "no connection to the provider came free"
                ) from error
            raise

    def _take_back(self, line: _Line, connection: UpstreamConnection) -> None:
        if self._closed:
            connection.abort()
        self._pass_on(line, None if connection.lost else connection)

    def _pass_on(self, line: _Line, connection: UpstreamConnection | None) -> None:
        """Give a connection, or the right to open one, to who has waited longest; else keep it."""
        while line.waiting:
            place = line.waiting.popleft()
            if not place.done():
                place.set_result(connection)
                return
        if connection is None:
            line.open_count -= 1
        else:
            connection.idle_since_s = self._loop.time()
            line.idle.append(connection)
