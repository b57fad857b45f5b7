"""The routes machines ask: is it alive, is it ready, what does it count.

No probe calls a provider.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tollkeeper_proxy.exchange import Exchange
from tollkeeper_proxy.routes.chat import Sink


@dataclass(frozen=True, slots=True)
class Probe:
    """Answers a fixed text: 200 while ``ready`` says so, 503 otherwise."""

    ready: Callable[[], bool]

    async def serve(self, exchange: Exchange, body: bytes, sink: Sink) -> None:
        ok = self.ready()
        status = 200 if ok else 503
        headers = [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")]
        await sink.whole(status, headers, b"ok\n" if ok else b"not ready\n")


@dataclass(frozen=True, slots=True)
class Metrics:
    """Answers what the worker counts."""

    text: Callable[[], bytes]

    async def serve(self, exchange: Exchange, body: bytes, sink: Sink) -> None:
        headers = [("content-type", "text/plain; version=0.0.4; charset=utf-8")]
        await sink.whole(200, headers, self.text())
