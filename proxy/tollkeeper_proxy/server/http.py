"""The shell around the routes: aiohttp connections in, exchanges out, answers back.

Requests whose framing is in doubt are refused here, in the caller's dialect, with one span and one
log line, and their connection is closed. Nothing behind this file knows aiohttp.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from tollkeeper_proxy.exchange import Exchange, Refusal
from tollkeeper_proxy.routes.answer_headers import answer_headers, refusal_headers
from tollkeeper_proxy.routes.chat import Sink
from tollkeeper_proxy.server.caller import caller_of, trace_of
from tollkeeper_proxy.server.framing import refuse_framing
from tollkeeper_proxy.server.sink import HttpSink
from tollkeeper_proxy.settings import ServerSettings
from tollkeeper_proxy.wire.openai_errors import error_body

Headers = list[tuple[str, str]]

_SLOW_HEAD: Final = (
    "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\n"
    "Connection: close\r\n{headers}Content-Length: {size}\r\n\r\n"
)


LINGER_S: Final = 2.0  # a refused body is read and forgotten so long, so that the caller hears why


class Endpoint(Protocol):
    """What serves a route: takes an exchange, the body's bytes and the caller's end."""

    async def serve(self, exchange: Exchange, body: bytes, sink: Sink) -> None: ...


@dataclass(frozen=True, slots=True)
class Routes:
    """What is served where: ``(method, path)`` to an endpoint, exactly; nothing is decoded."""

    endpoints: dict[tuple[str, str], Endpoint]
    emit: Callable[[Exchange], None]

    def find(self, method: str, path: str) -> Endpoint | Refusal:
        """Return the endpoint of a request line, or why there is none."""
        endpoint = self.endpoints.get((method, path))
        if endpoint is not None:
            return endpoint
        shown = path[:100]
        allowed = ", ".join(sorted(m for m, p in self.endpoints if p == path))
        if allowed:
            message = f"'{shown}' answers {allowed} only."
            return Refusal(
                "server", message, status=405, code="method_not_allowed", allowed_methods=allowed
            )
        return Refusal("server", f"There is nothing at '{shown}'.", status=404, code="not_found")


class Server:
    """Turns requests into exchanges and hands them to their endpoint."""

    def __init__(self, routes: Routes, settings: ServerSettings) -> None:
        self._routes = routes
        self._settings = settings

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request; the response is sent when this returns."""
        method = request.method
        path = request.raw_path.partition("?")[0]
        exchange = open_exchange(request, method, path)
        sink = HttpSink(request)
        refusal = _another_http(request.version) or refuse_framing(
            request.raw_headers, http_1_0=request.version < (1, 1)
        )
        endpoint = refusal or self._routes.find(method, path)
        body = b"" if isinstance(endpoint, Refusal) else await self._body(request)
        if isinstance(endpoint, Refusal):
            await self._refuse(exchange, endpoint, sink)
        elif isinstance(body, Refusal):
            await self._refuse(exchange, body, sink)
        else:
            with contextlib.suppress(ConnectionError):  # the caller left; the exchange knows
                await endpoint.serve(exchange, body, sink)
        return sink.response or web.Response(status=499)  # nginx's number for a caller who left

    async def _body(self, request: web.BaseRequest) -> bytes | Refusal:
        limit = self._settings.max_body_bytes
        if (request.content_length or 0) > limit:
            return _too_large(limit)
        expects = request.headers.get("Expect", "").lower() == "100-continue"
        if expects and request.version >= (1, 1) and request.transport:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            if request.content.is_eof():
                return await request.read()
            async with asyncio.timeout(self._settings.body_timeout_s):
                return await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _too_large(limit)
        except TimeoutError:
            return Refusal(
                "server", "The body did not arrive in time.", status=408, code="body_timeout"
            )
        except web.RequestPayloadError:
            return Refusal(
                "framing",
                "The body is not framed as announced.",
                status=400,
                code="bad_request_framing",
            )

    async def _refuse(self, exchange: Exchange, refusal: Refusal, sink: HttpSink) -> None:
        sink.must_close = refusal.status not in {404, 405}
        note_refusal(exchange, refusal)
        headers = [
            ("content-type", "application/json"),
            *answer_headers(exchange),
            *refusal_headers(refusal),
        ]
        with contextlib.suppress(ConnectionError):
            await sink.whole(refusal.status, headers, error_body(refusal))
        self._routes.emit(exchange)


class Connection(RequestHandler):
    """An aiohttp connection that refuses malformed requests in our words and bounds their heads."""

    __slots__ = ("_emit", "_head_timeout_s", "_head_timer")

    def __init__(
        self,
        manager: web.Server,
        *,
        emit: Callable[[Exchange], None],
        head_timeout_s: float,
        **options: object,
    ) -> None:
        super().__init__(manager, **options)  # type: ignore[arg-type]  # aiohttp's own keywords
        self._emit = emit
        self._head_timeout_s = head_timeout_s
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # From here on, for the first bytes may come before anybody waits for a request.
        self._head_timer = self._loop.call_later(self._head_timeout_s, self._head_too_slow)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._messages or self._request_in_progress:
            self._stop_head_timer()
        elif self._head_timer is None and self._waiter is not None and not self._waiter.done():
            self._head_timer = self._loop.call_later(self._head_timeout_s, self._head_too_slow)

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
        """Answer what aiohttp itself refuses, as JSON, and close the connection."""
        exchange = open_exchange(request, "-", "-")
        refusal = _malformed(status, exc)
        note_refusal(exchange, refusal)
        response = web.Response(
            status=refusal.status, body=error_body(refusal), content_type="application/json"
        )
        for name, value in [*answer_headers(exchange), *refusal_headers(refusal)]:
            response.headers[name] = value
        response.headers["Server"] = "tollkeeper"
        response.force_close()
        self._emit(exchange)
        return response

    def log_exception(self, *args: object, **kw: object) -> None:
        """Say nothing: every refusal has its own log line, and a vanished caller needs none."""

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_too_slow(self) -> None:
        self._head_timer = None
        refusal = Refusal(
            "server", "The request's head did not arrive in time.", status=408, code="head_timeout"
        )
        exchange = _unread_exchange()
        note_refusal(exchange, refusal)
        self._emit(exchange)
        body = error_body(refusal)
        if self.transport is not None:
            headers = "".join(f"{name}: {value}\r\n" for name, value in answer_headers(exchange))
            head = _SLOW_HEAD.format(headers=headers, size=len(body))
            self.transport.write(head.encode() + body)
        self.force_close()


class ConnectionFactory(web.Server):
    """An aiohttp server whose connections are ours."""

    def __init__(
        self, server: Server, *, emit: Callable[[Exchange], None], settings: ServerSettings
    ) -> None:
        super().__init__(
            server.handle,
            request_factory=self._bounded_request,
            handler_cancellation=True,  # a caller that leaves cancels its handler, in every phase
        )
        self._emit = emit
        self._settings = settings

    def __call__(self) -> RequestHandler:
        return Connection(
            self,
            emit=self._emit,
            head_timeout_s=self._settings.head_timeout_s,
            loop=self._loop,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=75.0,  # nginx's default; clients rarely keep longer
            lingering_time=LINGER_S,
        )

    def _bounded_request(self, *parts: object) -> web.BaseRequest:
        message, payload, protocol, writer, task = parts
        return web.BaseRequest(
            message,  # type: ignore[arg-type]  # aiohttp's own five parts, handed through
            payload,  # type: ignore[arg-type]
            protocol,  # type: ignore[arg-type]
            writer,  # type: ignore[arg-type]
            task,  # type: ignore[arg-type]
            self._loop,
            client_max_size=self._settings.max_body_bytes,
        )


def open_exchange(request: web.BaseRequest, method: str, path: str) -> Exchange:
    """Return a fresh exchange for a request whose head has been read."""
    trace = trace_of(request.headers)
    return Exchange(
        request_id=f"req_{trace.trace_id[:16]}{trace.span_id}",
        route=path[:200],
        method=method[:20],
        trace=trace,
        caller=caller_of(request.headers),
        started_unix_ns=time.time_ns(),
        started_s=time.monotonic(),
    )


def note_refusal(exchange: Exchange, refusal: Refusal) -> None:
    """Record a refusal made before any policy ran."""
    exchange.refusal = refusal
    exchange.status = refusal.status
    exchange.outcome = "refused"
    exchange.error_type = refusal.code
    exchange.ended_unix_ns = time.time_ns()


def _unread_exchange() -> Exchange:
    trace = trace_of({})
    return Exchange(
        request_id=f"req_{trace.trace_id[:16]}{trace.span_id}",
        route="-",
        method="-",
        trace=trace,
        caller=caller_of({}),
        started_unix_ns=time.time_ns(),
        started_s=time.monotonic(),
    )


def _another_http(version: tuple[int, int]) -> Refusal | None:
    """Return why a version is refused: a connection cannot speak another major one (RFC 9110)."""
    if version[0] == 1:
        return None
    message = "Only HTTP/1.1 is spoken here."
    return Refusal("framing", message, status=505, code="http_version_not_supported")


def _malformed(status: int, exc: BaseException | None) -> Refusal:
    if isinstance(exc, LineTooLong):
        return Refusal(
            "framing",
            "A line of the request's head is too long.",
            status=431,
            code="head_too_large",
        )
    if status >= 500:
        return Refusal(
            "server",
            "The proxy failed; the fault is ours.",
            status=500,
            kind="api_error",
            code="internal_error",
        )
    return Refusal(
        "framing", "The request is not valid HTTP/1.1.", status=400, code="bad_request_framing"
    )


def _too_large(limit: int) -> Refusal:
    return Refusal(
        "server",
        f"The body is larger than {limit} bytes, the limit here.",
        status=413,
        code="body_too_large",
    )
