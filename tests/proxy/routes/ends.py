"""Both ends of a route for its tests: a caller in memory and a provider that follows a script.

Both pass a gate wherever they would wait, so that a test can stop the world there.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from tollkeeper_proxy.upstream import UpstreamAnswer, UpstreamCall

Headers = list[tuple[str, str]]
EVENTS: Headers = [("content-type", "text/event-stream")]
JSON: Headers = [("content-type", "application/json")]


@dataclass(slots=True)
class Gate:
    """Lets everybody pass, but stops for good whoever comes as number ``stops_at``."""

    stops_at: int = 0
    passed: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def step(self) -> None:
        self.passed += 1
        if self.passed == self.stops_at:
            self.reached.set()
            await asyncio.get_running_loop().create_future()


@dataclass(slots=True)
class MemorySink:
    """Implements ``Sink``: keeps what it is given, and holds the route to the sink's own rules.

    ``leaves_at`` names the call at which the caller turns out to be gone.
    """

    gate: Gate = field(default_factory=Gate)
    leaves_at: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    streams: bool = False
    ended: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        self._start("whole", status, headers)
        self.pieces.append(body)
        await self.gate.step()
        self.ended = True

    async def begin(self, status: int, headers: Headers) -> None:
        self._start("begin", status, headers)
        self.streams = True
        await self.gate.step()

    async def write(self, piece: bytes) -> None:
        assert self.streams, "a piece before the head"
        assert not self.ended, "a piece after the end"
        assert piece, "an empty piece"
        self._perhaps_leave("write")
        self.pieces.append(piece)
        await self.gate.step()

    async def end(self) -> None:
        assert self.streams
        assert not self.ended
        self._perhaps_leave("end")
        self.ended = True
        await self.gate.step()

    def _start(self, call: str, status: int, headers: Headers) -> None:
        assert not self.status, "a second answer to one request"
        self._perhaps_leave(call)
        self.status, self.headers = status, dict(headers)

    def _perhaps_leave(self, call: str) -> None:
        if call == self.leaves_at:
            raise ConnectionResetError("the caller has gone")


@dataclass(slots=True)
class ScriptedAnswer:
    """An ``UpstreamAnswer`` of these pieces; an exception among them is raised in its turn."""

    status: int
    headers: Headers
    pieces: Sequence[bytes | BaseException]
    gate: Gate
    given: int = 0
    closed: int = 0

    async def read(self) -> bytes:
        await self.gate.step()
        if self.given == len(self.pieces):
            return b""
        piece = self.pieces[self.given]
        self.given += 1
        if isinstance(piece, BaseException):
            raise piece
        return piece

    async def read_all(self, limit_bytes: int) -> bytes:
        body = b""
        while piece := await self.read():
            body += piece
        assert len(body) <= limit_bytes
        return body

    def close(self) -> None:
        self.closed += 1


@dataclass(slots=True)
class ScriptedUpstream:
    """Implements ``Upstream``: one answer, or one error, for whoever asks."""

    status: int = 200
    headers: Headers = field(default_factory=lambda: JSON)
    pieces: Sequence[bytes | BaseException] = ()
    error: BaseException | None = None
    gate: Gate = field(default_factory=Gate)
    calls: list[UpstreamCall] = field(default_factory=list)
    answers: list[ScriptedAnswer] = field(default_factory=list)

    async def send(self, call: UpstreamCall) -> UpstreamAnswer:
        self.calls.append(call)
        await self.gate.step()
        if self.error is not None:
            raise self.error
        answer = ScriptedAnswer(self.status, self.headers, self.pieces, self.gate)
        self.answers.append(answer)
        return answer

    @property
    def left_open(self) -> int:
        """Return how many answers were not closed exactly once."""
        return sum(answer.closed != 1 for answer in self.answers)
