"""The caller's end of one request: whole answers written in one piece, streams through aiohttp.

A whole answer's head is put together here and leaves with its body in a single write, without
aiohttp's general response object.
"""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final, cast

from aiohttp import web

Headers = list[tuple[str, str]]

DRAIN_ABOVE_BYTES: Final = 1024 * 1024  # a caller who does not read waits for room before more


class SentResponse:
    """Stands for an answer that is already on its way, where aiohttp wants a response."""

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        """The head is sent already."""

    async def write_eof(self) -> None:
        """So is the body."""


class HttpSink:
    """Implements ``Sink`` for one request; ``response`` is what aiohttp is then given."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self.response: web.StreamResponse | None = None
        self.must_close = False

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        request = self._request
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the caller has gone")
        keep_alive = request.keep_alive and not self.must_close
        self.response = cast("web.StreamResponse", SentResponse(keep_alive=keep_alive))
        head = _head(status, headers, len(body), _connection(request, keep_alive))
        # A body after HEAD would be read as the next answer's beginning.
        transport.write(head if request.method == "HEAD" else head + body)
        if transport.get_write_buffer_size() > DRAIN_ABOVE_BYTES:
            await request.writer.drain()

    async def begin(self, status: int, headers: Headers) -> None:
        response = web.StreamResponse(status=status)
        for name, value in headers:
            response.headers.add(name, value)
        response.headers["Server"] = "tollkeeper"
        self.response = response
        await response.prepare(self._request)

    async def write(self, piece: bytes) -> None:
        if self.response is not None:
            await self.response.write(piece)

    async def end(self) -> None:
        if self.response is not None:
            await self.response.write_eof()


def _connection(request: web.BaseRequest, keep_alive: bool) -> str:
    if keep_alive:
        return "" if request.version >= (1, 1) else "Connection: keep-alive\r\n"
    return "Connection: close\r\n"


def _head(status: int, headers: Headers, size_bytes: int, connection: str) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if not lines.count("\r") == lines.count("\n") == len(headers):
        raise ValueError("a header's value would split the answer")
    return (
        f"HTTP/1.1 {status} {_phrase(status)}\r\n{lines}Content-Length: {size_bytes}\r\n"
        f"Date: {_date(int(time.time()))}\r\n{connection}\r\n"
    ).encode("latin-1", "replace")


@lru_cache(maxsize=128)
def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
