"""Errors within an answer that has begun, as ClickHouse (25.11 and later) writes them into it.

Mark, tag, message, its size with the tag again, mark; each on lines of its own. Then the connection
is cut.
"""

from typing import Final, Protocol

from urllib3.exceptions import HTTPError

from tollkeeper_collector.sql.errors import SqlError, from_text

MARK: Final = "__exception__"
TAG_HEADER: Final = "X-ClickHouse-Exception-Tag"


def marked(message: str, tag: str) -> bytes:
    """Return a message as it stands in a body."""
    size = len(message.encode())
    return f"\r\n{MARK}\r\n{tag}\r\n{message}{size} {tag}\r\n{MARK}\r\n".encode()


class Response(Protocol):
    """The part of ``urllib3.HTTPResponse`` that is read."""

    def read1(self, amt: int | None = None) -> bytes: ...

    def close(self) -> None: ...


class ServerStream:
    """A server's answer as a stream; an error marked within it is raised, not passed on."""

    def __init__(self, response: Response, tag: str) -> None:
        self._response = response
        self._mark = f"\r\n{MARK}\r\n{tag}\r\n".encode()
        self._kept = b""  # may be the beginning of a mark
        self._ended = False

    def read(self, size: int, /) -> bytes:
        """Return some bytes, b"" at the end; SqlError for a marked or a cut answer."""
        while not self._ended:
            piece = self._some(size)
            data = self._kept + piece
            at = data.find(self._mark)
            if at == 0:
                raise self._error(data)
            if not piece:
                return data
            border = at if at > 0 else max(0, len(data) - len(self._mark) + 1)
            self._kept = data[border:]
            if border:
                return data[:border]
        return b""

    def close(self) -> None:
        self._response.close()

    def _some(self, size: int) -> bytes:
        try:
            piece = self._response.read1(size)
        except (HTTPError, OSError) as failure:
            if self._mark in self._kept:
                raise self._error(self._kept) from failure
            raise SqlError(999, "UNAVAILABLE", "the store broke off its answer") from failure
        self._ended = not piece
        return piece

    def _error(self, data: bytes) -> SqlError:
        """Return the error that begins here, once all of it has come."""
        while not self._ended:
            try:
                piece = self._response.read1()
            except (HTTPError, OSError):
                piece = b""
            self._ended = not piece
            data += piece
        said = data.removeprefix(self._mark).rpartition(b"\n")[0].decode("utf-8", "replace")
        return from_text(said)
