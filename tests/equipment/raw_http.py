"""A client that sends exactly the bytes it is given and tells exactly what came back.

No HTTP library would send what these tests must send, or show framing and arrival times.
"""

import contextlib
import socket
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import orjson
from tests.equipment.interaction import Headers, first_header
from tests.equipment.listener import reset

READ_SIZE: Final = 65_536
HEAD_END: Final = b"\r\n\r\n"
BODILESS: Final = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes and the monotonic second at which they arrived."""

    data: bytes
    at_s: float


@dataclass(frozen=True, slots=True)
class RawResponse:
    """One answer: what it said, how it was framed, whether it came whole."""

    status: int
    reason: str
    headers: Headers
    body: bytes
    framing: str  # length | chunked | close | none
    complete: bool
    pieces: tuple[Piece, ...] = ()

    def header(self, name: str) -> str:
        return first_header(self.headers, name)

    def json(self) -> Any:
        return orjson.loads(self.body)


class NoAnswer(Exception):
    """The peer closed, reset or stayed silent where an answer was due."""


@dataclass(slots=True)
class RawConnection:
    """One TCP connection to a server under test."""

    port: int
    host: str = "127.0.0.1"
    timeout_s: float = 20.0
    _socket: socket.socket = field(init=False)
    _rest: bytearray = field(default_factory=bytearray)
    _pieces: list[Piece] = field(default_factory=list)
    _ended: bool = False
    was_reset: bool = False

    def __post_init__(self) -> None:
        self._socket = socket.create_connection((self.host, self.port), timeout=self.timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def set_timeout(self, timeout_s: float) -> None:
        """Wait so long, from now on, for anything."""
        self.timeout_s = timeout_s
        self._socket.settimeout(timeout_s)

    def half_close(self) -> None:
        """Say that no more will be sent, and go on reading."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        """Leave with RST."""
        reset(self._socket)

    def read_response(self, *, method: str = "POST") -> RawResponse:
        """Read one final answer, passing over interim ones."""
        while True:
            self._pieces = [Piece(bytes(self._rest), time.monotonic())] if self._rest else []
            response = self._one_response(method)
            if response.status >= 200 or response.status == 101:
                return response

    def read_until_close(self) -> bytes:
        """Return everything the peer sends until it closes; NoAnswer when it does not."""
        while self._fill():
            pass
        data, self._rest = bytes(self._rest), bytearray()
        return data

    def read_some(self, size: int = READ_SIZE) -> bytes:
        """Return the next bytes, b"" when the peer closed."""
        if not self._rest:
            self._fill()
        data = bytes(self._rest[:size])
        del self._rest[:size]
        return data

    def is_closed_by_peer(self) -> bool:
        """Tell whether the peer closes within the timeout without sending more."""
        try:
            return not self._fill()
        except NoAnswer:
            return False

    def _one_response(self, method: str) -> RawResponse:
        while HEAD_END not in self._rest:
            if not self._fill():
                raise NoAnswer(f"closed after {bytes(self._rest)!r}")
        head, _, rest = bytes(self._rest).partition(HEAD_END)
        self._rest = bytearray(rest)
        lines = head.decode("latin-1").split("\r\n")
        _, status, reason = (*lines[0].split(" ", 2), "", "")[:3]
        headers = tuple(_split_header(line) for line in lines[1:])
        body, framing, complete = self._body(int(status), headers, method)
        return RawResponse(
            int(status), reason, headers, body, framing, complete, tuple(self._pieces)
        )

    def _body(self, status: int, headers: Headers, method: str) -> tuple[bytes, str, bool]:
        if method == "HEAD" or status < 200 or status in BODILESS:
            return b"", "none", True
        if first_header(headers, "transfer-encoding").lower() == "chunked":
            return self._chunked_body()
        stated = first_header(headers, "content-length")
        if not stated:
            with contextlib.suppress(NoAnswer):
                return self.read_until_close(), "close", not self.was_reset
            return bytes(self._rest), "close", False
        complete = self._have(int(stated))
        return self._take(int(stated)), "length", complete

    def _chunked_body(self) -> tuple[bytes, str, bool]:
        body = bytearray()
        while self._have_line():
            size = int(self._take_line().split(b";")[0], 16)
            if size == 0:
                while self._have_line() and self._take_line():
                    pass
                return bytes(body), "chunked", True
            complete = self._have(size + 2)
            body += self._take(size)
            if not complete:
                break
            self._take(2)
        return bytes(body), "chunked", False

    def _fill(self) -> bool:
        if self._ended:
            return False
        try:
            data = self._socket.recv(READ_SIZE)
        except TimeoutError as error:
            raise NoAnswer(
                f"silent for {self.timeout_s} s after {bytes(self._rest[:500])!r}"
            ) from error
        except ConnectionError:
            data, self.was_reset = b"", True
        self._ended = not data
        if data:
            self._pieces.append(Piece(data, time.monotonic()))
        self._rest += data
        return bool(data)

    def _have(self, size: int) -> bool:
        while len(self._rest) < size:
            if not self._fill():
                return False
        return True

    def _have_line(self) -> bool:
        while b"\r\n" not in self._rest:
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def request_bytes(
    path: str, body: bytes = b"", *, method: str = "POST", headers: Headers = ()
) -> bytes:
    """Return a plain, correct HTTP/1.1 request; ``headers`` are added as they are."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def ask(
    port: int, path: str, body: bytes = b"", *, method: str = "POST", headers: Headers = ()
) -> RawResponse:
    """Send one request on a connection of its own and return the answer."""
    with RawConnection(port) as connection:
        connection.send(request_bytes(path, body, method=method, headers=headers))
        return connection.read_response(method=method)


def _split_header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip(" \t")
