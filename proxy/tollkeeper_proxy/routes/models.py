"""The route ``GET /v1/models``: the names a caller may use here, in OpenAI's list shape."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from tollkeeper_proxy.exchange import Exchange, Refusal
from tollkeeper_proxy.pipeline import Pipeline
from tollkeeper_proxy.routes.answer_headers import answer_headers
from tollkeeper_proxy.routes.chat import BUG, Sink, refuse
from tollkeeper_proxy.routing.router import Router
from tollkeeper_proxy.upstream.demo_reply import CREATED


@dataclass(frozen=True, slots=True)
class ModelList:
    """Lists models for whoever may call at all."""

    router: Router
    pipeline: Pipeline
    emit: Callable[[Exchange], None]
    report_bug: Callable[[Exchange, Exception], None]

    async def serve(self, exchange: Exchange, body: bytes, sink: Sink) -> None:
        passage = self.pipeline.passage()
        try:
            verdict = await passage.enter(exchange)
            if isinstance(verdict, Refusal):
                await refuse(exchange, verdict, sink)
            else:
                listed = self._list()
                exchange.status = 200
                exchange.outcome = "complete"
                await _json(exchange, sink, listed)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - the request boundary
            self.report_bug(exchange, error)
            if not exchange.status:
                await refuse(exchange, BUG, sink)
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


async def _json(exchange: Exchange, sink: Sink, body: bytes) -> None:
    exchange.bytes_out = len(body)
    headers = [("content-type", "application/json"), *answer_headers(exchange)]
    await sink.whole(exchange.status, headers, body)
