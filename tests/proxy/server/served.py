"""A real server on loopback around endpoints of a test's own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from tests.equipment.interaction import Headers
from tests.equipment.raw_http import RawConnection, RawResponse, request_bytes

from tollkeeper_proxy.exchange import Exchange
from tollkeeper_proxy.routes.chat import Sink
from tollkeeper_proxy.server.http import ConnectionFactory, Routes, Server
from tollkeeper_proxy.settings import ServerSettings

T = TypeVar("T")


@dataclass(slots=True)
class Echo:
    """Gives the body back, whole or in pieces; notes what it was asked, and cancels."""

    pieces: int = 0
    waits: asyncio.Event | None = None
    asked: list[tuple[Exchange, bytes]] = field(default_factory=list)
    cancelled: int = 0
    written: int = 0

    async def serve(self, exchange: Exchange, body: bytes, sink: Sink) -> None:
        self.asked.append((exchange, body))
        headers = [("content-type", "application/octet-stream")]
        try:
            if self.waits is not None:
                await self.waits.wait()
            if not self.pieces:
                await sink.whole(200, headers, body)
                return
            await sink.begin(200, headers)
            for _ in range(self.pieces):
                await sink.write(body)
                self.written += 1
            await sink.end()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


@dataclass(slots=True)
class Served:
    """A running server."""

    port: int
    echo: Echo
    emitted: list[Exchange]

    async def ask(
        self, path: str = "/echo", body: bytes = b"", *, method: str = "POST", headers: Headers = ()
    ) -> RawResponse:
        return await self.send(request_bytes(path, body, method=method, headers=headers))

    async def send(self, request: bytes) -> RawResponse:
        """Send these bytes on a connection of their own and return the answer."""

        def talk(connection: RawConnection) -> RawResponse:
            connection.send(request)
            return connection.read_response()

        return await self.with_connection(talk)

    async def with_connection(self, act: Callable[[RawConnection], T]) -> T:
        def acting() -> T:
            with RawConnection(self.port) as connection:
                return act(connection)

        return await asyncio.to_thread(acting)


@asynccontextmanager
async def served(echo: Echo | None = None, **settings: float) -> AsyncIterator[Served]:
    """Serve ``POST /echo`` with these server settings."""
    echo = echo or Echo()
    emitted: list[Exchange] = []
    chosen = ServerSettings.model_validate(settings)
    server = Server(
        Routes({("POST", "/echo"): echo, ("GET", "/echo"): echo}, emitted.append), chosen
    )
    factory = ConnectionFactory(server, emit=emitted.append, settings=chosen)
    listening = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
    try:
        yield Served(listening.sockets[0].getsockname()[1], echo, emitted)
    finally:
        listening.close()
        await factory.shutdown(1.0)
        await listening.wait_closed()
