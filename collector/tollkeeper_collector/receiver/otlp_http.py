"""OTLP over HTTP: a POST in, 200 once its records are durable, else a google.rpc.Status.

Routes, reads bodies within bounds, and translates errors; what a request means is the intake's.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from tollkeeper.logs import Log
from tollkeeper_collector.errors import (
    BodyTooLarge,
    CollectorError,
    MalformedRequest,
    RetryLater,
    UnsupportedMedia,
)
from tollkeeper_collector.identity import Doorkeeper
from tollkeeper_collector.otlp import Encoding, Signal
from tollkeeper_collector.otlp.answers import status, success
from tollkeeper_collector.receiver.connections import refusal
from tollkeeper_collector.receiver.framing import framing_fault
from tollkeeper_collector.receiver.intake import Intake
from tollkeeper_collector.receiver.preparing import Parcel

Page = Callable[[], Awaitable[web.Response]]

SIGNALS: Final[Mapping[str, Signal]] = {
    "/v1/traces": "traces",
    "/v1/logs": "logs",
    "/v1/metrics": "metrics",
}
_ENCODINGS: Final[Mapping[str, Encoding]] = {
    "application/x-protobuf": "protobuf",
    "application/json": "json",
}
_CONTENT_TYPES: Final[Mapping[Encoding, str]] = {v: k for k, v in _ENCODINGS.items()}
_UNSIZED_BYTES: Final = 1024 * 1024  # what a chunked body is counted as while it comes
NOT_FOUND: Final = 5  # google.rpc.Code
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13


class SlowBody(CollectorError):
    """The body was not complete in time."""

    http_status = 408
    grpc_code = 4  # DEADLINE_EXCEEDED


@dataclass(frozen=True, slots=True)
class Receiver:
    """Answers HTTP requests on the OTLP port; ``pages`` are the probes, by path."""

    intake: Intake
    doorkeeper: Doorkeeper
    pages: Mapping[str, Page]
    log: Log
    body_timeout_s: float
    answered: Counter[int]  # requests by status, for the metrics page

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; never raises but for cancellation."""
        response = await self._answer(request)
        self.answered[response.status] += 1
        response.headers["Server"] = "tollkeeper"
        return response

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        http_1_0 = request.version < (1, 1)
        if fault := framing_fault(request.raw_headers, http_1_0=http_1_0):
            return _closing(refusal(400, fault))
        path = request.rel_url.raw_path
        if (page := self.pages.get(path)) is not None and request.method in ("GET", "HEAD"):
            return await page()
        if (signal := SIGNALS.get(path)) is None:
            return _closing(refusal(404, "there is nothing at this path", NOT_FOUND))
        if request.method != "POST":
            response = _closing(refusal(405, "OTLP is sent by POST", UNIMPLEMENTED))
            response.headers["Allow"] = "POST"
            return response
        return await self._export(request, signal)

    async def _export(self, request: web.BaseRequest, signal: Signal) -> web.Response:
        encoding: Encoding = "json"
        try:
            encoding = _encoding(request)
            parcel = await self._parcel(request, signal, encoding)
            with self.intake.admitted(len(parcel.body)):
                outcome = await self.intake.accept(parcel)
        except CollectorError as error:
            return _refused(error, encoding)
        except Exception as error:  # noqa: BLE001  # the request boundary
            self.log.error("request failed", signal=signal, error=repr(error)[:500])
            return _closing(refusal(500, "internal error", INTERNAL))
        body = success(signal, outcome, encoding)
        return web.Response(body=body, content_type=_CONTENT_TYPES[encoding])

    async def _parcel(self, request: web.BaseRequest, signal: Signal, encoding: Encoding) -> Parcel:
        headers = {name.lower(): value for name, value in request.headers.items()}
        identity = await self.doorkeeper.writer(headers)
        codings = request.headers.getall("Content-Encoding", [])
        if len(codings) > 1:
            raise UnsupportedMedia("one Content-Encoding at most")
        size = request.content_length
        with self.intake.admitted(_UNSIZED_BYTES if size is None else size):
            body = await self._body(request)
        return Parcel(signal, encoding, codings[0].strip() if codings else "", body, identity)

    async def _body(self, request: web.BaseRequest) -> bytes:
        limit = self.intake.limits.max_body_bytes
        if (request.content_length or 0) > limit:
            raise BodyTooLarge(f"the body is over {limit} bytes")
        pieces = bytearray()
        try:
            async with asyncio.timeout(self.body_timeout_s):
                async for piece in request.content.iter_any():
                    pieces += piece
                    if len(pieces) > limit:
                        raise BodyTooLarge(f"the body is over {limit} bytes")
        except TimeoutError:
            raise SlowBody("the body did not arrive in time") from None
        except (web.RequestPayloadError, ValueError) as error:
            raise MalformedRequest(f"the body is not sound HTTP: {error}") from None
        return bytes(pieces)


def _encoding(request: web.BaseRequest) -> Encoding:
    if (encoding := _ENCODINGS.get(request.content_type)) is None:
        raise UnsupportedMedia("Content-Type must be application/x-protobuf or application/json")
    return encoding


def _refused(error: CollectorError, encoding: Encoding) -> web.Response:
    response = web.Response(
        status=error.http_status,
        body=status(error.grpc_code, str(error), encoding),
        content_type=_CONTENT_TYPES[encoding],
    )
    if isinstance(error, RetryLater):
        response.headers["Retry-After"] = str(error.retry_after_s)
    else:  # part of the body may still be on its way
        response.force_close()
    return response


def _closing(response: web.Response) -> web.Response:
    response.force_close()
    return response
