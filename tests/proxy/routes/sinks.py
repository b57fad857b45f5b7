"""A caller's end that remembers what it was sent, and refuses what HTTP would not allow."""

import asyncio
from dataclasses import dataclass, field

Headers = list[tuple[str, str]]


@dataclass(slots=True)
class RememberingSink:
    """Implements ``Sink``; ``leaves_after`` pieces the caller is gone."""

    leaves_after: int | None = None
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    begun: bool = False
    ended: bool = False
    wrote: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        assert not self.begun, "a second head on one answer"
        self._begin(status, headers)
        await self.write(body)
        self.ended = True

    async def begin(self, status: int, headers: Headers) -> None:
        assert not self.begun, "a second head on one answer"
        self._begin(status, headers)

    async def write(self, piece: bytes) -> None:
        assert self.begun
        assert not self.ended
        if self.leaves_after is not None and len(self.pieces) >= self.leaves_after:
            raise ConnectionResetError("the caller has gone")
        self.pieces.append(piece)
        self.wrote.set()

    async def end(self) -> None:
        assert self.begun
        self.ended = True

    def _begin(self, status: int, headers: Headers) -> None:
        self.begun = True
        self.status = status
        self.headers = dict(headers)
