"""A provider that answers with recordings, byte for byte, in pieces cut anywhere.

A request finds its answer by path (``/replay/<id>/…``) or, on ``/lane/<name>/…``, takes the next
one put on that lane. Framing and cuts are drawn from a seed, so a failure can be run again.
"""

import random
import socket
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self

from tests.equipment.interaction import Headers, Interaction
from tests.equipment.listener import Listener
from tests.equipment.received import Reader, Received

Framing = Literal["length", "chunked", "close"]
MOST_PIECES: Final = 24


@dataclass(frozen=True, slots=True)
class Replayed:
    """One answer given: to which request, with which recording, framed how."""

    received: Received
    interaction: Interaction | None
    framing: Framing


class ReplayProvider:
    """Serves recordings over real HTTP on a free loopback port."""

    def __init__(
        self,
        interactions: Iterable[Interaction] = (),
        *,
        seed: int = 1,
        framing: Framing | None = None,
    ) -> None:
        self._by_id = {each.id: each for each in interactions}
        self._lanes: dict[str, deque[Interaction]] = {}
        self._framing = framing
        self._seed = seed
        self._lock = threading.Lock()
        self.replayed: list[Replayed] = []
        self._listener = Listener(self._serve)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._listener.port}"

    def base_url(self, interaction: Interaction) -> str:
        """Return the base URL under which every path answers with this recording."""
        self._by_id[interaction.id] = interaction
        return f"{self.origin}/replay/{interaction.id}/v1"

    def lane_url(self, lane: str) -> str:
        """Return the base URL under which answers come in the order they were put there."""
        return f"{self.origin}/lane/{lane}/v1"

    def put(self, lane: str, interaction: Interaction) -> None:
        """Let the next request on this lane be answered with this recording."""
        with self._lock:
            self._lanes.setdefault(lane, deque()).append(interaction)

    def close(self) -> None:
        self._listener.close()

    def _serve(self, connection: socket.socket) -> None:
        reader = Reader(connection, number=self._listener.connections)
        while (received := reader.next_request()) is not None:
            interaction = self._find(received.target)
            chooser = random.Random(f"{self._seed}:{interaction.id if interaction else ''}")
            framing = self._framing or chooser.choice(("length", "chunked", "close"))
            with self._lock:
                self.replayed.append(Replayed(received, interaction, framing))
            if interaction is None:
                connection.sendall(_no_recording(received.target))
                continue
            for piece in rendered(interaction, framing, chooser):
                connection.sendall(piece)
            if framing == "close":
                return

    def _find(self, target: str) -> Interaction | None:
        kind, _, rest = target.lstrip("/").partition("/")
        name = rest.partition("/")[0]
        if kind == "replay":
            return self._by_id.get(name)
        with self._lock:
            lane = self._lanes.get(name)
            return lane.popleft() if lane else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def rendered(interaction: Interaction, framing: Framing, chooser: random.Random) -> list[bytes]:
    """Return an answer as the pieces to write: its head, then its body cut anywhere."""
    body = interaction.served_body()
    head = head_of(interaction.status, interaction.served_headers(), framing, len(body))
    pieces = cut(body, chooser)
    if framing == "chunked":
        pieces = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece]
        pieces.append(b"0\r\n\r\n")
    return [head, *pieces]


def head_of(status: int, headers: Headers, framing: Framing, size_bytes: int) -> bytes:
    """Return a response head whose framing header says what will follow."""
    lines = [f"HTTP/1.1 {status} {'OK' if status < 400 else 'Error'}"]
    lines += [f"{name}: {value}" for name, value in headers]
    match framing:
        case "length":
            lines.append(f"Content-Length: {size_bytes}")
        case "chunked":
            lines.append("Transfer-Encoding: chunked")
        case "close":
            lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def cut(body: bytes, chooser: random.Random) -> list[bytes]:
    """Cut bytes at arbitrary places, inside characters and line ends too."""
    count = chooser.randint(0, min(MOST_PIECES, len(body)))
    marks = sorted(chooser.randint(0, len(body)) for _ in range(count))
    return [body[start:end] for start, end in zip([0, *marks], [*marks, len(body)], strict=True)]


def _no_recording(target: str) -> bytes:
    body = b'{"error":{"message":"no recording for this path","type":"test_bench"}}'
    return (
        b"HTTP/1.1 599 No Recording\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
