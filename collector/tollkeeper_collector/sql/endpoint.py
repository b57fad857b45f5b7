"""The routes of the SQL port: ``/ping`` for anybody, everything else for whoever brings a key.

``app = sql_app(store.engine, doorkeeper)``; run it with aiohttp on the SQL port. It may be served
before ``migrate`` has run: nothing is asked of the store before the first statement.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from tollkeeper_collector.sql.answer import Delivery, Heading, refusal
from tollkeeper_collector.sql.credentials import Keys, identify, presented_key
from tollkeeper_collector.sql.errors import SqlError, busy
from tollkeeper_collector.sql.limits import SqlLimits
from tollkeeper_collector.sql.readers import Readers, scope_of
from tollkeeper_collector.sql.request import Question, read_question
from tollkeeper_collector.sql.running import Running
from tollkeeper_collector.sql.statements import reading_database
from tollkeeper_collector.store.opening import Engine

DEFAULT_LIMITS: Final = SqlLimits()


@dataclass(frozen=True, slots=True)
class SqlEndpoint:
    """Everything one SQL port needs; its handlers are methods."""

    readers: Readers
    keys: Keys
    threads: ThreadPoolExecutor
    places: asyncio.Semaphore
    limits: SqlLimits

    async def ping(self, request: web.Request) -> web.Response:
        """Say that the port answers; nobody is asked."""
        return web.Response(text="Ok.\n")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one statement."""
        try:
            return await self._answer(request)
        except SqlError as error:
            return refusal(error, self._plain_heading())
        except web.HTTPRequestEntityTooLarge:
            too_long = SqlError(223, "QUERY_IS_TOO_LARGE", "the request is too long")
            return refusal(too_long, self._plain_heading())

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        identity = await identify(self.keys, presented_key(request.headers, request.query))
        question = await read_question(request, self.limits.query_bytes)
        if not question.sql:
            return web.Response(text="Ok.\n")
        running = Running(self.readers, scope_of(identity), self.threads)
        async with _place(self.places, self.limits.wait_s):
            return await self._run(request, question, running)

    def _plain_heading(self) -> Heading:
        return Heading(str(uuid.uuid4()), self.readers.version, self.readers.timezone)

    async def _run(
        self, request: web.Request, question: Question, running: Running
    ) -> web.StreamResponse:
        began_ns = time.monotonic_ns()
        try:
            await running.start(question, reading_database(question.database))
            pieces = running.pieces()
            held = await _hold_back(pieces, self._bytes_to_hold(question))
            delivery = Delivery(request, self._heading(question, running), self.limits.stalled_s)
            await delivery.start(sum(map(len, held)), time.monotonic_ns() - began_ns)
            return await delivery.send(_after(held, pieces))
        finally:
            await running.finish()

    def _bytes_to_hold(self, question: Question) -> int:
        return self.limits.buffered_bytes if question.wait_end_of_query else 1

    def _heading(self, question: Question, running: Running) -> Heading:
        return Heading(
            question.query_id or str(uuid.uuid4()),
            self.readers.version,
            self.readers.timezone,
            running.output_format,
            question.gzip,
            question.blocks,
        )

    async def close(self, app: web.Application) -> None:
        """Give back clients and threads."""
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.readers.close()


def sql_app(engine: Engine, keys: Keys, *, limits: SqlLimits = DEFAULT_LIMITS) -> web.Application:
    """Return the ClickHouse HTTP interface over an engine, read-only and within each key's tenant.

    ``keys`` is the collector's ``Doorkeeper``. Roles ``admin`` and ``system`` read all tenants,
    the others their own. Its clients and threads are given back in the application's clean-up.
    """
    threads = ThreadPoolExecutor(limits.concurrent, thread_name_prefix="sql")
    endpoint = SqlEndpoint(
        readers=Readers(engine, limits),
        keys=keys,
        threads=threads,
        places=asyncio.Semaphore(limits.concurrent),
        limits=limits,
    )
    app = web.Application(client_max_size=2 * limits.query_bytes)
    app.router.add_get("/ping", endpoint.ping)
    app.router.add_get("/", endpoint.answer)
    app.router.add_post("/", endpoint.answer)
    app.on_cleanup.append(endpoint.close)
    return app


@asynccontextmanager
async def _place(places: asyncio.Semaphore, wait_s: float) -> AsyncIterator[None]:
    """Hold a place among the statements that run at once; SqlError when none comes free."""
    try:
        await asyncio.wait_for(places.acquire(), wait_s)
    except TimeoutError:
        raise busy("too many statements run at once, try again") from None
    try:
        yield
    finally:
        places.release()


async def _hold_back(pieces: AsyncIterator[bytes], size: int) -> list[bytes]:
    """Return the first pieces, up to a size: what fails among them can still have a status."""
    held: list[bytes] = []
    async for piece in pieces:
        held.append(piece)
        if sum(map(len, held)) >= size:
            break
    return held


async def _after(held: list[bytes], pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    for piece in held:
        yield piece
    async for piece in pieces:
        yield piece
