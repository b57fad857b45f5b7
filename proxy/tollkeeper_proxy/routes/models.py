"""The route ``GET /v1/models``: the names a caller may use here, in OpenAI's list shape."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from tollkeeper_proxy.exchange import Exchange, Refusal
from tollkeeper_proxy.pipeline import Pipeline
from tollkeeper_proxy.routes.answer_headers import answer_headers, refusal_headers
from tollkeeper_proxy.routes.chat import Sink
from tollkeeper_proxy.routing.router import Router
from tollkeeper_proxy.upstream.demo_reply import CREATED
from tollkeeper_proxy.wire.openai_errors import error_body


@dataclass(frozen=True, slots=True)
class ModelList:
    """Lists models for whoever may call at all."""

    router: Router
    pipeline: Pipeline
    emit: Callable[[Exchange], None]

    async def serve(self, exchange: Exchange, body: bytes, sink: Sink) -> None:
        passage = self.pipeline.passage()
        try:
            verdict = await passage.enter(exchange)
            if isinstance(verdict, Refusal):
                exchange.refusal = verdict
                exchange.outcome = "refused"
                exchange.error_type = verdict.code
                exchange.status = verdict.status
                headers = [*answer_headers(exchange), *refusal_headers(verdict)]
                await _json(exchange, sink, error_body(verdict), headers)
            else:
                exchange.status = 200
                exchange.outcome = "complete"
                await _json(exchange, sink, self._list(), answer_headers(exchange))
        finally:
            exchange.ended_unix_ns = time.time_ns()
            passage.settle(exchange)
            self.emit(exchange)

    def _list(self) -> bytes:
        models = [
            {"id": name, "object": "model", "created": CREATED, "owned_by": name.partition("/")[0]}
            for name in self.router.listed()
        ]
        return orjson.dumps({"object": "list", "data": models})


async def _json(
    exchange: Exchange, sink: Sink, body: bytes, headers: list[tuple[str, str]]
) -> None:
    exchange.bytes_out = len(body)
    await sink.whole(exchange.status, [("content-type", "application/json"), *headers], body)
