"""A collector for tests: real HTTP on a loopback port that may go away and come back."""

import asyncio
import re
from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class FakeCollector:
    """Takes what it is sent; ``statuses`` answers so many requests otherwise than with 200.

    While ``silent`` is set it reads requests and says nothing.
    """

    statuses: deque[int] = field(default_factory=deque)
    silent: bool = False
    reply: bytes = b"{}"
    port: int = 0
    taken: list[bytes] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def open(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Go away: nothing listens, every connection drops."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                await self._answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        self.heads.append(head)
        if self.silent:
            await reader.read()
            return
        status = self.statuses.popleft() if self.statuses else 200
        if status == 200:
            self.taken.append(body)
        head = b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n" % (status, len(self.reply))
        writer.write(head + self.reply)
        await writer.drain()
