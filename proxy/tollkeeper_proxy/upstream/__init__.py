"""The leg to the provider: one call out, one answer back, in pieces.

``Upstream`` is the seam: over HTTP (``http``) or in this process (``demo``). Whoever holds an
``UpstreamAnswer`` must end it with ``close``; an answer not read to its end is never pooled again.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each phase may take, in seconds."""

    connect_s: float = 5.0
    first_byte_s: float = 300.0
    idle_s: float = 120.0
    total_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a provider's key may go, and nowhere else."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class UpstreamCall:
    """One request to one provider: ``head`` ends where the Content-Length value begins."""

    origin: Origin
    head: bytes
    body: bytes
    timeouts: Timeouts
    max_connections: int = 512


class UpstreamAnswer(Protocol):
    """An answer being received; ``read`` gives b"" at its proper end and raises on any other."""

    status: int
    headers: list[tuple[str, str]]

    async def read(self) -> bytes: ...

    async def read_all(self, limit_bytes: int) -> bytes: ...

    def close(self) -> None: ...


class Upstream(Protocol):
    """Sends a call and returns once the head of the answer is there."""

    async def send(self, call: UpstreamCall) -> UpstreamAnswer: ...
