"""What a caller is sent, byte by byte, over a real connection."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from tests.equipment.raw_http import RawConnection, RawResponse, request_bytes
from tests.proxy.server.served import Echo, served

from tollkeeper_proxy.exchange import Exchange
from tollkeeper_proxy.routes.chat import Sink

Act = Callable[[Sink], Awaitable[None]]


@dataclass(slots=True)
class Answering(Echo):
    """Answers as a test says."""

    act: Act | None = None

    async def serve(self, exchange: Exchange, body: bytes, sink: Sink) -> None:
        assert self.act is not None
        await self.act(sink)


async def answered(act: Act, request: bytes = b"") -> RawResponse:
    async with served(Answering(act=act)) as server:
        return await server.send(request or request_bytes("/echo"))


def whole(
    status: int = 200, body: bytes = b"body", headers: list[tuple[str, str]] | None = None
) -> Act:
    async def act(sink: Sink) -> None:
        await sink.whole(status, headers or [("content-type", "text/plain")], body)

    return act


async def test_a_whole_answer_says_its_length_and_when() -> None:
    response = await answered(whole(headers=[("content-type", "a/b"), ("x-two", "1, 2")]))
    assert (response.status, response.reason, response.body) == (200, "OK", b"body")
    assert response.framing == "length"
    assert (response.header("content-type"), response.header("x-two")) == ("a/b", "1, 2")
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", response.header("date"))
    assert response.header("connection") == ""


@pytest.mark.parametrize(("status", "reason"), [(404, "Not Found"), (529, "Unknown")])
async def test_any_status_has_a_phrase(status: int, reason: str) -> None:
    response = await answered(whole(status))
    assert (response.status, response.reason) == (status, reason)


async def test_a_header_that_comes_twice_is_sent_twice_on_a_stream_as_on_a_whole_answer() -> None:
    twice = [("content-type", "text/plain"), ("x-ratelimit-a", "1"), ("x-ratelimit-a", "2")]

    async def stream(sink: Sink) -> None:
        await sink.begin(200, twice)
        await sink.write(b"body")
        await sink.end()

    for act in (stream, whole(headers=twice)):
        response = await answered(act)
        found = [v for name, v in response.headers if name.lower() == "x-ratelimit-a"]
        assert found == ["1", "2"]
        assert [n.lower() for n, _ in response.headers].count("content-type") == 1


async def test_an_empty_answer_is_empty() -> None:
    response = await answered(whole(body=b""))
    assert (response.body, response.complete) == (b"", True)


async def test_a_large_answer_arrives_whole() -> None:
    body = bytes(range(256)) * 80_000
    assert (await answered(whole(body=body))).body == body


async def test_what_is_no_latin_1_in_a_header_breaks_nothing() -> None:
    response = await answered(whole(headers=[("x-odd", "北é")]))
    assert response.status == 200
    assert response.body == b"body"


@pytest.mark.parametrize(
    ("request_", "connection", "closes"),
    [
        (request_bytes("/echo"), "", False),
        (request_bytes("/echo", headers=(("Connection", "close"),)), "close", True),
        (b"POST /echo HTTP/1.0\r\nContent-Length: 0\r\n\r\n", "close", True),
        (b"POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
         "keep-alive", False),
    ],
)  # fmt: skip
async def test_the_connection_stays_when_both_want_it(
    request_: bytes, connection: str, closes: bool
) -> None:
    async with served(Answering(act=whole())) as server:

        def talk(client: RawConnection) -> tuple[RawResponse, bool]:
            client.timeout_s = 1.0
            client._socket.settimeout(0.5)
            client.send(request_)
            return client.read_response(), client.is_closed_by_peer()

        response, closed = await server.with_connection(talk)
        assert response.header("connection").lower() == connection
        assert closed == closes


async def test_a_stream_is_sent_piece_by_piece() -> None:
    gate = asyncio.Event()

    async def act(sink: Sink) -> None:
        await sink.begin(200, [("content-type", "text/event-stream")])
        await sink.write(b"data: 1\n\n")
        await gate.wait()
        await sink.write(b"data: 2\n\n")
        await sink.end()

    async with served(Answering(act=act)) as server:

        def begin(client: RawConnection) -> tuple[bytes, RawConnection]:
            client.send(request_bytes("/echo"))
            return client.read_some(), client

        loop = asyncio.get_running_loop()

        def talk(client: RawConnection) -> tuple[bytes, bytes]:
            client.send(request_bytes("/echo"))
            first = b""
            while b"data: 1" not in first:
                first += client.read_some()
            loop.call_soon_threadsafe(gate.set)
            rest = b""
            while b"0\r\n\r\n" not in rest:
                rest += client.read_some()
            return first, rest

        first, rest = await server.with_connection(talk)
        assert b"data: 2" not in first
        assert b"content-type: text/event-stream" in first.lower()
        assert b"data: 2" in rest


async def test_a_stream_to_a_caller_of_old_ends_with_the_connection() -> None:
    async def act(sink: Sink) -> None:
        await sink.begin(200, [("content-type", "text/event-stream")])
        await sink.write(b"data: 1\n\n")
        await sink.end()

    response = await answered(act, b"POST /echo HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
    assert (response.framing, response.body) == ("close", b"data: 1\n\n")


@pytest.mark.parametrize("value", ["1\r\nx-evil: 1", "1\nx-evil: 1", "1\rx-evil: 1"])
@pytest.mark.parametrize("streams", [False, True])
async def test_a_header_that_would_split_the_answer_is_not_sent(value: str, streams: bool) -> None:
    """No such value should ever come this far; should one, the caller must not be fooled."""

    async def act(sink: Sink) -> None:
        await (
            sink.begin(200, [("x-a", value)]) if streams else sink.whole(200, [("x-a", value)], b"")
        )

    response = await answered(act)
    assert response.status == 500
    assert response.header("x-evil") == ""
