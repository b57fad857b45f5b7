"""What one request left at its three ends: with the caller, with the provider, in our own books.

Log lines and spans come a moment later, so they are gathered for many requests at once.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.equipment.raw_http import NoAnswer, RawConnection, RawResponse, request_bytes
from tests.equipment.received import Received
from tests.equipment.scripted_provider import ScriptedProvider

# Long enough for a busy machine to answer, short enough to see that nothing comes.
SILENCE_S: Final = 8.0
CLOSE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Ends:
    """The caller's end and the provider's end of one exchange."""

    answer: RawResponse | None
    closed: bool
    forwarded: tuple[Received, ...]

    @property
    def status(self) -> int:
        return self.answer.status if self.answer else 0

    @property
    def request_id(self) -> str:
        return self.answer.header("x-request-id") if self.answer else ""

    @property
    def trace_id(self) -> str:
        return self.answer.header("x-tollkeeper-trace-id") if self.answer else ""

    def error(self) -> dict[str, Any]:
        """Return the error of the answer, which must have OpenAI's shape."""
        if self.answer is None:
            raise AssertionError("there was no answer")
        error = self.answer.json()["error"]
        if not {"message", "type", "param", "code"} <= set(error):
            raise AssertionError(f"not OpenAI's shape: {error}")
        return dict(error)


def send(
    port: int, provider: ScriptedProvider, *pieces: bytes, timeout_s: float = SILENCE_S
) -> Ends:
    """Send raw bytes on a connection of their own and look at both ends."""
    before = len(provider.received)
    with RawConnection(port, timeout_s=timeout_s) as connection:
        answer = _converse(connection, pieces)
        closed = _closes(connection)
    return Ends(answer, closed, tuple(provider.received[before:]))


def log_lines(log: str, request_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the log's lines about each request."""
    wanted: dict[str, list[dict[str, Any]]] = {request_id: [] for request_id in request_ids}
    for line in _json_lines(log):
        if line.get("request_id") in wanted:
            wanted[line["request_id"]].append(line)
    return wanted


def _converse(connection: RawConnection, pieces: Sequence[bytes]) -> RawResponse | None:
    try:
        for piece in pieces:
            connection.send(piece)
    except OSError:
        pass  # it may refuse, and close, before it has heard everything
    try:
        return connection.read_response()
    except NoAnswer:
        return None


def _closes(connection: RawConnection) -> bool:
    """Tell whether the connection is over: whether one more, harmless request finds nobody."""
    connection.set_timeout(CLOSE_S)
    try:
        connection.send(request_bytes("/livez", method="GET"))
        return connection.read_response(method="GET").status != 200
    except (NoAnswer, OSError):
        return True


def _json_lines(log: str) -> Iterator[dict[str, Any]]:
    for line in log.splitlines():
        start = line.find("{")
        if start < 0:
            continue
        try:
            found = json.loads(line[start:])
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found
