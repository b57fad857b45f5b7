"""HTTP connections: aiohttp's, with bounded heads and refusals as google.rpc.Status.

Knows nothing of telemetry. Whatever aiohttp's parser refuses is answered in JSON, because a request
that cannot be parsed has no content type to go by.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from tollkeeper_collector.otlp.answers import status

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

KEEP_ALIVE_S: Final = 75.0
# A refused body is read away for so long: closing on unread bytes would reset the connection, and
# the sender would see that instead of the refusal and send it all again.
LINGER_S: Final = 2.0
INVALID_ARGUMENT: Final = 3  # google.rpc.Code
DEADLINE_EXCEEDED: Final = 4
_SLOW_HEAD: Final = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n"
)


class Connection(RequestHandler):
    """One connection."""

    __slots__ = ("_head_timeout_s", "_head_timer")

    def __init__(self, manager: web.Server, *, head_timeout_s: float, **options: object) -> None:
        super().__init__(manager, **options)  # type: ignore[arg-type]  # aiohttp's own keywords
        self._head_timeout_s = head_timeout_s
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._messages or self._request_in_progress:
            self._stop_head_timer()
        elif self._waiter is not None and not self._waiter.done():
            self._start_head_timer()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what aiohttp itself refuses, and close the connection."""
        response = refusal(status if status < 500 else 500, "the request is not sound HTTP")
        response.force_close()
        return response

    def log_exception(self, *args: object, **kw: object) -> None:
        """Say nothing: refusals are counted, and a vanished sender needs no line."""

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self._loop.call_later(self._head_timeout_s, self._head_too_slow)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_too_slow(self) -> None:
        self._head_timer = None
        body = status(DEADLINE_EXCEEDED, "the request's head did not arrive in time", "json")
        if self.transport is not None:
            self.transport.write(_SLOW_HEAD % len(body) + body)
        self.force_close()


class ConnectionFactory(web.Server):
    """Makes connections for a listening socket."""

    def __init__(self, handler: Handler, *, head_timeout_s: float) -> None:
        super().__init__(handler)
        self._head_timeout_s = head_timeout_s

    def __call__(self) -> RequestHandler:
        return Connection(
            self,
            head_timeout_s=self._head_timeout_s,
            loop=self._loop,
            access_log=None,
            auto_decompress=False,  # bounded in otlp.inflate instead
            keepalive_timeout=KEEP_ALIVE_S,
            lingering_time=LINGER_S,
        )


def refusal(http_status: int, message: str, code: int = INVALID_ARGUMENT) -> web.Response:
    """Return a google.rpc.Status in JSON."""
    body = status(code, message, "json")
    return web.Response(status=http_status, body=body, content_type="application/json")
