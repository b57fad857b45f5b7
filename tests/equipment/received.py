"""What a fake provider received: a request read byte by byte from a socket, and its peer's fate."""

import json
import select
import socket
import time
from dataclasses import dataclass, field
from typing import Any, Final

from tests.equipment.interaction import Headers, first_header

HEAD_END: Final = b"\r\n\r\n"
READ_SIZE: Final = 65_536


@dataclass(slots=True)
class Received:
    """One request as it came over the wire; times on the monotonic clock, in seconds."""

    method: str
    target: str
    headers: Headers
    body: bytes
    raw_head: bytes
    started_s: float
    connection: int
    peer_left_s: float | None = None
    peer_left_by: str = ""  # "fin" or "rst"
    events_sent: int = 0
    finished_s: float | None = None

    def header(self, name: str) -> str:
        return first_header(self.headers, name)

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Reader:
    """Reads requests off one connection, keeping what came too early."""

    connection: socket.socket
    number: int
    _rest: bytearray = field(default_factory=bytearray)

    def next_request(self) -> Received | None:
        """Return the next request, None when the peer closed instead."""
        if not self._fill_until(HEAD_END):
            return None
        started_s = time.monotonic()
        head, _, rest = bytes(self._rest).partition(HEAD_END)
        self._rest = bytearray(rest)
        lines = head.decode("latin-1").split("\r\n")
        method, _, target = lines[0].partition(" ")
        headers = tuple(_split_header(line) for line in lines[1:])
        body = self._body(headers)
        target = target.rsplit(" ", 1)[0]
        return Received(
            method, target, headers, body, head + HEAD_END, started_s, connection=self.number
        )

    def watch(self, received: Received, for_s: float) -> bool:
        """Wait so long; return False at once when the peer leaves, noting when and how."""
        until = time.monotonic() + for_s
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        while received.peer_left_s is None:
            remaining = until - time.monotonic()
            if remaining <= 0:
                return True
            # select() itself knows descriptors below 1,024 only, and a long test run has more
            if poll.poll(remaining * 1000):
                self._note_peer(received)
        return False

    def _note_peer(self, received: Received) -> None:
        try:
            data = self.connection.recv(READ_SIZE)
        except OSError:
            received.peer_left_s, received.peer_left_by = time.monotonic(), "rst"
            return
        if not data:
            received.peer_left_s, received.peer_left_by = time.monotonic(), "fin"
        self._rest += data

    def _body(self, headers: Headers) -> bytes:
        if "chunked" in first_header(headers, "transfer-encoding").lower():
            return self._chunked_body()
        length = int(first_header(headers, "content-length") or 0)
        while len(self._rest) < length and self._fill():
            pass
        return self._take(length)

    def _chunked_body(self) -> bytes:
        body = b""
        while self._fill_until(b"\r\n"):
            size = int(self._take_line().split(b";")[0], 16)
            if size == 0:
                while self._fill_until(b"\r\n") and self._take_line():
                    pass
                break
            while len(self._rest) < size + 2 and self._fill():
                pass
            body += self._take(size)
            self._take(2)
        return body

    def _fill(self) -> bool:
        data = self.connection.recv(READ_SIZE)
        self._rest += data
        return bool(data)

    def _fill_until(self, mark: bytes) -> bool:
        while mark not in self._rest:
            if not self._fill():
                return False
        return True

    def _take(self, size: int) -> bytes:
        taken = bytes(self._rest[:size])
        del self._rest[:size]
        return taken

    def _take_line(self) -> bytes:
        line = self._take(self._rest.index(b"\r\n"))
        self._take(2)
        return line


def _split_header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip(" \t")
