"""One statement, run and read in threads: pieces of the answer come out as they are ready.

The client is lent for as long as the answer is read, and given back only when it is clean again.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar, cast

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error
from urllib3 import HTTPResponse

from tollkeeper_collector.sql.errors import from_engine
from tollkeeper_collector.sql.marks import TAG_HEADER, ServerStream
from tollkeeper_collector.sql.readers import Readers, ask
from tollkeeper_collector.sql.request import Question
from tollkeeper_collector.sql.statements import Statement, output_format, prepare

PIECE_BYTES: Final = 256 * 1024
DEFAULT_FORMAT: Final = "TabSeparated"
Result = TypeVar("Result")


class Stream(Protocol):
    """What a driver streams."""

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class Running:
    """A statement under way: its format and its bytes."""

    readers: Readers
    scope: str
    threads: Executor
    output_format: str = ""
    _client: Client | None = None
    _stream: Stream | None = None

    async def start(self, question: Question, database: str) -> None:
        """Hold the statement against the rules and start it; SqlError when either fails."""
        await self._in_thread(lambda: self._start(question, database))

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the answer; SqlError when the engine fails on the way."""
        while self._stream is not None:
            piece = await self._in_thread(self._read)
            if not piece:
                return
            yield piece

    async def finish(self) -> None:
        """Stop what still runs and give the client back; shielded, so that it always happens."""
        await asyncio.shield(self._in_thread(self._finish))

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    def _start(self, question: Question, database: str) -> None:
        grammar = self.readers.grammar()
        client = self._client = self.readers.take(self.scope)
        statement = prepare(
            lambda sql: ask(client, sql),
            question.sql,
            grammar=grammar,
            database=database,
            parameters=question.parameters,
        )
        self.output_format = _format_of(statement, question)
        if not statement.sql:
            return
        try:
            self._stream = _open(client, statement, self.output_format, question.protocol)
        except Error as failure:
            raise from_engine(failure) from failure

    def _read(self) -> bytes:
        if self._stream is None:
            return b""
        try:
            return self._stream.read(PIECE_BYTES)
        except Error as failure:
            raise from_engine(failure) from failure

    def _finish(self) -> None:
        if self._stream is not None:
            self._stream.close()
        if self._client is not None:
            self.readers.give_back(self.scope, self._client)
        self._stream = self._client = None


def _open(client: Client, statement: Statement, wanted: str, protocol: str) -> Stream:
    sql = f"{statement.sql}\nFORMAT {wanted}"
    if not statement.streams:
        return io.BytesIO(client.raw_query(sql))
    stream = client.raw_stream(sql, settings={"client_protocol_version": protocol})
    if isinstance(stream, HTTPResponse):
        return ServerStream(stream, stream.headers.get(TAG_HEADER, ""))
    return cast(Stream, stream)


def _format_of(statement: Statement, question: Question) -> str:
    return output_format(statement.output_format or question.default_format or DEFAULT_FORMAT)
