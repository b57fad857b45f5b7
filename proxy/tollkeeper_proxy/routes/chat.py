"""One chat completion from the first byte to the last: parse, policies, provider, answer, settle.

It speaks to the caller through a ``Sink`` and knows no socket. Whatever happens, an exchange ends
here exactly once: settled by its policies in reverse and handed to telemetry.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from tollkeeper.pricing import Price, Usage
from tollkeeper_proxy.accounts.account import account
from tollkeeper_proxy.errors import CallerError, ShuttingDown, UpstreamError
from tollkeeper_proxy.exchange import Exchange, Refusal
from tollkeeper_proxy.pipeline import Passage, Pipeline
from tollkeeper_proxy.routes.answer_headers import (
    answer_headers,
    refusal_headers,
    relayed_headers,
    usd,
)
from tollkeeper_proxy.server.caller import with_user
from tollkeeper_proxy.server.closing import ClosingTime
from tollkeeper_proxy.upstream import UpstreamAnswer
from tollkeeper_proxy.upstream.forward import Forwarder
from tollkeeper_proxy.wire import Answer
from tollkeeper_proxy.wire.openai_answer import summarise
from tollkeeper_proxy.wire.openai_chat import ChatRequest, parse_chat
from tollkeeper_proxy.wire.openai_editing import edit_whole
from tollkeeper_proxy.wire.openai_errors import error_body, error_event
from tollkeeper_proxy.wire.openai_stream import StreamRelay
from tollkeeper_proxy.wire.sse import EventTooLarge

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024  # a whole answer is held in memory while it is read
MAX_KEPT_STREAM_BYTES: Final = 1024 * 1024  # a stream longer than this is not offered to the cache

BUG: Final = Refusal(
    "proxy",
    "The proxy failed; the fault is ours.",
    status=500,
    kind="api_error",
    code="internal_error",
    retryable=True,
)

Headers = list[tuple[str, str]]


class Sink(Protocol):
    """The caller's end: one whole answer, or a stream begun, written and ended."""

    async def whole(self, status: int, headers: Headers, body: bytes) -> None: ...

    async def begin(self, status: int, headers: Headers) -> None: ...

    async def write(self, piece: bytes) -> None: ...

    async def end(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ChatCompletions:
    """The route ``POST /v1/chat/completions``."""

    pipeline: Pipeline
    forwarder: Forwarder
    tell_cost: bool  # beside the usage of streams
    emit: Callable[[Exchange], None]
    report_bug: Callable[[Exchange, Exception], None]
    closing: ClosingTime = field(default_factory=ClosingTime)

    async def serve(self, exchange: Exchange, body: bytes, sink: Sink) -> None:
        """Answer one request; raises only what the connection's own end raises."""
        passage = self.pipeline.passage()
        exchange.bytes_in = len(body)
        relay: StreamRelay | None = None
        try:
            async with self.closing.open_hours():
                request = _parsed(exchange, body)
                verdict = await passage.enter(exchange)
                if isinstance(verdict, Refusal):
                    await refuse(exchange, verdict, sink)
                elif verdict is not None:
                    await _give(exchange, verdict, sink)
                else:
                    answer = await self.forwarder.send(exchange, request)
                    try:
                        relay = self._relay_for(answer, request, exchange)
                        await self._relay(exchange, answer, relay, sink)
                    finally:
                        answer.close()
        except CallerError as error:
            await refuse(exchange, error.refusal, sink)
        except UpstreamError as error:
            await self._upstream_failed(exchange, error, sink)
        except ShuttingDown as error:
            await _cut_off(exchange, error.refusal, sink)
        except (asyncio.CancelledError, ConnectionError):
            _left(exchange)
            raise
        except Exception as error:  # noqa: BLE001 - the request boundary
            self.report_bug(exchange, error)
            if relay is not None and exchange.status:
                await _break_off(exchange, BUG, sink)
            else:
                await refuse(exchange, BUG, sink)
        finally:
            self._end(exchange, passage, relay)

    def _relay_for(
        self, answer: UpstreamAnswer, request: ChatRequest, exchange: Exchange
    ) -> StreamRelay | None:
        content_type = dict(answer.headers).get("content-type", "")
        if answer.status >= 300 or not content_type.startswith("text/event-stream"):
            return None
        price = exchange.price if self.tell_cost else None
        return StreamRelay(
            hide_usage=request.hides_usage,
            open_editor=self.pipeline.text_editors(exchange),
            cost_of=partial(_told_cost, price) if price is not None else None,
        )

    async def _relay(
        self, exchange: Exchange, answer: UpstreamAnswer, relay: StreamRelay | None, sink: Sink
    ) -> None:
        if relay is not None:
            await _stream(exchange, answer, relay, sink)
            return
        body = await answer.read_all(MAX_ANSWER_BYTES)
        exchange.summary = summarise(body)
        open_editor = self.pipeline.text_editors(exchange)
        if open_editor and answer.status < 300:
            body = edit_whole(body, open_editor)
        exchange.status = answer.status
        exchange.outcome = "complete" if answer.status < 400 else "failed"
        if answer.status >= 400:
            exchange.error_type = exchange.summary.error_type or str(answer.status)
        account(exchange)
        headers = relayed_headers(answer.headers) + answer_headers(exchange)
        content_type = dict(answer.headers).get("content-type", "application/json")
        if answer.status >= 400:
            body = self.forwarder.without_key(exchange, body)
        if answer.status == 200:
            exchange.answer = Answer(200, content_type, body)
        exchange.bytes_out = len(body)
        await sink.whole(answer.status, headers, body)

    async def _upstream_failed(self, exchange: Exchange, error: UpstreamError, sink: Sink) -> None:
        refusal = error.as_refusal()
        exchange.error_type = error.fault
        if exchange.attempts:
            exchange.attempts[-1].error_type = error.fault
        if exchange.status:
            await _break_off(exchange, refusal, sink)
            return
        exchange.outcome = "failed"
        await _say_no(exchange, refusal, sink)

    def _end(self, exchange: Exchange, passage: Passage, relay: StreamRelay | None) -> None:
        exchange.ended_unix_ns = time.time_ns()
        if exchange.attempts and not exchange.attempts[-1].ended_unix_ns:
            exchange.attempts[-1].ended_unix_ns = exchange.ended_unix_ns
        try:
            if relay is not None and exchange.summary is None:
                with contextlib.suppress(EventTooLarge):
                    relay.finish()
                exchange.summary = relay.fold.summary()
            account(exchange)
        except Exception as error:  # noqa: BLE001 - the request boundary: holds must be settled
            self.report_bug(exchange, error)
        finally:
            passage.settle(exchange)
            self.emit(exchange)


def _parsed(exchange: Exchange, body: bytes) -> ChatRequest:
    request = parse_chat(body)
    exchange.request = request
    exchange.caller = with_user(exchange.caller, request.document.get("user"))
    return request


async def _stream(
    exchange: Exchange, answer: UpstreamAnswer, relay: StreamRelay, sink: Sink
) -> None:
    kept: list[bytes] | None = []
    exchange.status = answer.status
    await sink.begin(answer.status, relayed_headers(answer.headers) + answer_headers(exchange))
    try:
        while piece := await answer.read():
            if out := relay.feed(piece):
                exchange.bytes_out += len(out)
                kept = _kept(kept, out, exchange.bytes_out)
                await sink.write(out)
        if out := relay.finish():
            exchange.bytes_out += len(out)
            kept = _kept(kept, out, exchange.bytes_out)
            await sink.write(out)
    except EventTooLarge as error:
        raise UpstreamError("bad_response", str(error)) from error
    exchange.summary = relay.fold.summary()
    _judge(exchange, finished=relay.fold.finished)
    if exchange.outcome == "truncated":
        raise UpstreamError("connection_lost", "the provider's stream ended before its answer did")
    if kept is not None and exchange.outcome == "complete":
        content_type = dict(answer.headers)["content-type"]
        exchange.answer = Answer(answer.status, content_type, b"".join(kept), stream=True)
    await sink.end()


def _told_cost(price: Price, usage: Usage) -> str | None:
    cost = price.cost_nanousd(usage)
    return None if cost is None else usd(cost)


def _kept(kept: list[bytes] | None, out: bytes, size_bytes: int) -> list[bytes] | None:
    if kept is None or size_bytes > MAX_KEPT_STREAM_BYTES:
        return None
    kept.append(out)
    return kept


def _judge(exchange: Exchange, *, finished: bool) -> None:
    """Say what a stream's end meant: only one that said so itself is complete (D5, D6)."""
    summary = exchange.summary
    if summary is not None and summary.error_type:
        exchange.outcome = "failed"
        exchange.error_type = summary.error_type
    else:
        exchange.outcome = "complete" if finished else "truncated"


async def _give(exchange: Exchange, answer: Answer, sink: Sink) -> None:
    exchange.outcome = "cached"
    exchange.status = answer.status
    exchange.bytes_out = len(answer.body)
    exchange.cost_nanousd = 0
    headers = [("content-type", answer.content_type), *answer.headers, *answer_headers(exchange)]
    await sink.whole(answer.status, headers, answer.body)


async def refuse(exchange: Exchange, refusal: Refusal, sink: Sink) -> None:
    """Say no to a caller who has heard nothing yet, and note it."""
    exchange.refusal = refusal
    exchange.outcome = "failed" if refusal.status >= 500 else "refused"
    exchange.error_type = refusal.code
    await _say_no(exchange, refusal, sink)


async def _break_off(exchange: Exchange, refusal: Refusal, sink: Sink) -> None:
    """End a stream that has begun, saying why inside it."""
    exchange.outcome = "truncated"
    exchange.error_type = refusal.code
    await sink.write(error_event(refusal))
    await sink.end()


async def _cut_off(exchange: Exchange, refusal: Refusal, sink: Sink) -> None:
    """Tell a caller that we leave, as far as its answer still lets us."""
    if exchange.outcome == "open" and not exchange.status:
        await refuse(exchange, refusal, sink)
    elif exchange.outcome == "open":
        await _break_off(exchange, refusal, sink)
    elif exchange.outcome in {"complete", "cached"}:  # all said, but not yet read
        exchange.outcome = "truncated"
        exchange.error_type = refusal.code


async def _say_no(exchange: Exchange, refusal: Refusal, sink: Sink) -> None:
    exchange.status = refusal.status
    body = error_body(refusal)
    exchange.bytes_out = len(body)
    headers = [
        ("content-type", "application/json"),
        *answer_headers(exchange),
        *refusal_headers(refusal),
    ]
    await sink.whole(refusal.status, headers, body)


def _left(exchange: Exchange) -> None:
    """Note that the caller went away; what was dispatched is still accounted."""
    if exchange.outcome in {"open", "complete"}:
        exchange.outcome = "cancelled"
        exchange.error_type = "client_disconnected"
