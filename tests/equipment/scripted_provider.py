"""A provider that does what a script says, faults included, and remembers what it received.

The model in the request's body picks the script; other requests get the default one.
"""

import json
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.equipment.listener import Listener, reset
from tests.equipment.received import Reader, Received
from tests.equipment.replay_provider import head_of
from tests.equipment.script import Script, answer

WAIT_STEP_S = 0.005


Play = Script | Callable[[Received], Script]


class ScriptedProvider:
    """Plays scripts over real HTTP on a free loopback port; a function makes one per request."""

    def __init__(self, default: Script | None = None, *, backlog: int = 512) -> None:
        self.default = default or answer()
        self._scripts: dict[str, Play] = {}
        self._changed = threading.Condition()
        self.received: list[Received] = []
        self._listener = Listener(self._serve, backlog=backlog)

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def open_connections(self) -> int:
        return self._listener.open_connections

    @property
    def connections(self) -> int:
        """Return how many connections were ever accepted."""
        return self._listener.connections

    def play(self, model: str, script: Play) -> str:
        """Answer requests for this model so; return the model."""
        self._scripts[model] = script
        return model

    def requests_for(self, model: str) -> list[Received]:
        """Return what was received for this model, in order."""
        return [each for each in list(self.received) if model_of(each) == model]

    def wait_for(self, model: str, *, count: int = 1, timeout_s: float = 20.0) -> Received:
        """Wait until so many requests for the model have come; return the last of them."""
        with self._changed:
            came = self._changed.wait_for(
                lambda: len(self.requests_for(model)) >= count, timeout=timeout_s
            )
        if not came:
            raise TimeoutError(f"no request for {model!r} within {timeout_s} s")
        return self.requests_for(model)[count - 1]

    def close(self) -> None:
        self._listener.close()

    def _serve(self, connection: socket.socket) -> None:
        reader = Reader(connection, number=self._listener.connections)
        while (received := reader.next_request()) is not None:
            played = self._scripts.get(model_of(received), self.default)
            script = played if isinstance(played, Script) else played(received)
            with self._changed:
                self.received.append(received)
                self._changed.notify_all()
            try:
                if not _perform(script, received, reader):
                    return
            except OSError:
                # A write failed because the peer left: that is what the test wants to know.
                if received.peer_left_s is None:
                    received.peer_left_s, received.peer_left_by = time.monotonic(), "rst"
                raise
            finally:
                received.finished_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def model_of(received: Received) -> str:
    """Return the model a request names, "" when it names none."""
    try:
        body = json.loads(received.body)
    except ValueError:
        return ""
    return str(body.get("model", "")) if isinstance(body, dict) else ""


def wait_until_left(received: Received, *, timeout_s: float = 20.0) -> float:
    """Return the monotonic second at which the peer of a request left."""
    until = time.monotonic() + timeout_s
    while received.peer_left_s is None:
        if time.monotonic() > until:
            raise TimeoutError(f"the peer stayed for {timeout_s} s")
        time.sleep(WAIT_STEP_S)
    return received.peer_left_s


def _perform(script: Script, received: Received, reader: Reader) -> bool:
    """Give the scripted answer; True when the connection may serve another request."""
    connection = reader.connection
    if not reader.watch(received, script.header_delay_s):
        return False
    connection.sendall(script.interim + _head(script))
    sent = 0
    for piece in script.pieces:
        part = piece if script.cut_after is None else piece[: script.cut_after - sent]
        if part:
            connection.sendall(_framed(part, script))
        sent += len(part)
        received.events_sent += 1
        if script.cut_after is not None and sent >= script.cut_after:
            return _end(script, received, reader)
        if not reader.watch(received, script.event_delay_s):
            return False
    if script.framing == "chunked" and script.head is None:
        connection.sendall(b"0\r\n\r\n")
    return _end(script, received, reader)


def _head(script: Script) -> bytes:
    if script.head is not None:
        return script.head
    size = sum(len(piece) for piece in script.pieces)
    stated = size if script.stated_length is None else script.stated_length
    return head_of(script.status, script.headers, script.framing, stated)


def _framed(part: bytes, script: Script) -> bytes:
    if script.framing == "chunked" and script.head is None:
        return b"%x\r\n%s\r\n" % (len(part), part)
    return part


def _end(script: Script, received: Received, reader: Reader) -> bool:
    match script.ending:
        case "rst":
            reset(reader.connection)
            return False
        case "hang":
            reader.watch(received, script.ending_s)
            return False
        case "slow-close":
            reader.connection.shutdown(socket.SHUT_WR)
            reader.watch(received, script.ending_s)
            return False
        case "fin":
            return False
        case "keep":
            return script.framing != "close"
