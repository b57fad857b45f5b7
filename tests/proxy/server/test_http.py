"""Over real sockets: what is served, what is refused and how, and what a caller's leaving does."""

import asyncio
import contextlib
import time

import pytest
from tests.equipment.raw_http import RawConnection, RawResponse, request_bytes
from tests.proxy.exchanges import exchange
from tests.proxy.server.served import Echo, served
from tests.proxy.upstream.calls import until

from tollkeeper_proxy.exchange import Exchange, Refusal
from tollkeeper_proxy.routes.chat import Sink
from tollkeeper_proxy.server.http import Routes, note_refusal

POST = b"POST /echo HTTP/1.1\r\nHost: h\r\n"


def refused(response: RawResponse, status: int, code: str) -> None:
    assert response.status == status
    assert response.json()["error"]["code"] == code
    assert response.header("content-type") == "application/json"
    assert response.header("x-request-id").startswith("req_")


# Serving


async def test_serves_body_and_headers() -> None:
    async with served() as server:
        response = await server.ask(body=b"hello", headers=(("x-tollkeeper-user", "ada"),))
        assert (response.status, response.body) == (200, b"hello")
        told, body = server.echo.asked[0]
        assert (told.method, told.route, told.caller.user) == ("POST", "/echo", "ada")
        assert body == b"hello"
        assert told.request_id.startswith("req_")


async def test_a_connection_serves_one_request_after_another() -> None:
    async with served() as server:

        def talk(connection: RawConnection) -> list[bytes]:
            bodies = []
            for body in (b"one", b"", b"three"):
                connection.send(request_bytes("/echo", body))
                bodies.append(connection.read_response().body)
            return bodies

        assert await server.with_connection(talk) == [b"one", b"", b"three"]


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with served() as server:

        def talk(connection: RawConnection) -> list[bytes]:
            connection.send(b"".join(request_bytes("/echo", b) for b in (b"a", b"b", b"c")))
            return [connection.read_response().body for _ in range(3)]

        assert await server.with_connection(talk) == [b"a", b"b", b"c"]


async def test_a_stream_arrives_whole() -> None:
    async with served(Echo(pieces=50)) as server:
        response = await server.ask(body=b"x" * 1_000)
        assert response.body == b"x" * 50_000
        assert response.framing == "chunked"
        assert response.complete


async def test_a_chunked_body_is_read() -> None:
    async with served() as server:
        request = POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        assert (await server.send(request)).body == b"abcde"


async def test_a_query_is_no_part_of_the_path() -> None:
    async with served() as server:
        assert (await server.ask("/echo?key=secret")).status == 200
        assert server.echo.asked[0][0].route == "/echo"


async def test_expect_continue_is_answered_before_the_body_comes() -> None:
    async with served() as server:

        def talk(connection: RawConnection) -> tuple[bytes, bytes]:
            connection.send(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            interim = connection.read_some()
            connection.send(b"hi")
            return interim, connection.read_response().body

        interim, body = await server.with_connection(talk)
        assert interim.startswith(b"HTTP/1.1 100 ")
        assert body == b"hi"


# Refusing


@pytest.mark.parametrize(
    "path",
    ["/", "/other", "/echo/", "/ECHO", "//echo", "/%65cho", "/./echo", "/x/../echo", "/echo;x",
     "/echo%2f", "/echo#x", "http://h/echo", "http://evil.example/echo"],
)  # fmt: skip
async def test_only_the_exact_path_is_served(path: str) -> None:
    async with served() as server:
        response = await server.ask(path)
        assert response.status in {400, 404}
        assert server.echo.asked == []
        assert len(server.emitted) == 1
        assert server.emitted[0].outcome == "refused"


async def test_another_method_is_told_which_would_do() -> None:
    async with served() as server:
        response = await server.ask(method="PUT")
        refused(response, 405, "method_not_allowed")
        assert response.header("allow") == "GET, POST"
        assert "GET, POST" in response.json()["error"]["message"]


async def test_not_found_leaves_the_connection_open() -> None:
    async with served() as server:

        def talk(connection: RawConnection) -> list[int]:
            statuses = []
            for path in ("/nowhere", "/echo"):
                connection.send(request_bytes(path, b"x"))
                statuses.append(connection.read_response().status)
            return statuses

        assert await server.with_connection(talk) == [404, 200]


BAD = {
    "no host": b"POST /echo HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "two hosts": POST + b"Host: other\r\nContent-Length: 0\r\n\r\n",
    "a host with a path": POST.replace(b"h\r\n", b"a/?x=\r\n") + b"Content-Length: 0\r\n\r\n",
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a length that is none": POST + b"Content-Length: +1\r\n\r\na",
    "a header without a colon": POST + b"nonsense\r\n\r\n",
    "a NUL": POST + b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a space before a colon": POST + b"Content-Length : 1\r\n\r\na",
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a chunk size that is none": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
}


@pytest.mark.parametrize("request_", BAD.values(), ids=BAD)
async def test_what_is_not_soundly_framed_is_refused_and_the_connection_closed(
    request_: bytes,
) -> None:
    async with served() as server:

        def talk(connection: RawConnection) -> tuple[RawResponse, bool]:
            connection.send(request_)
            response = connection.read_response()
            return response, connection.is_closed_by_peer()

        response, closed = await server.with_connection(talk)
        refused(response, 400, "bad_request_framing")
        assert closed
        assert server.echo.asked == []
        assert len(server.emitted) == 1
        assert server.emitted[0].refusal is not None


@pytest.mark.parametrize("version", [b" HTTP/2.0", b" HTTP/3.0", b" HTTP/0.9", b" HTTP/1.32", b""])
async def test_another_version_of_http_is_refused(version: bytes) -> None:
    async with served() as server:
        response = await server.send(POST.replace(b" HTTP/1.1", version) + b"\r\n")
        assert response.status in {400, 505}
        assert server.echo.asked == []


@pytest.mark.parametrize(
    "request_",
    [POST + b"X: " + b"a" * 200_000 + b"\r\n\r\n", POST + b"X: a\r\n" * 50_000 + b"\r\n",
     b"POST /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n"],
    ids=["a long header", "many headers", "a long path"],
)  # fmt: skip
async def test_a_head_that_is_too_large_is_refused(request_: bytes) -> None:
    async with served() as server:

        def talk(connection: RawConnection) -> int:
            with contextlib.suppress(OSError):  # refused before all of it was sent
                connection.send(request_)
            return connection.read_response().status

        assert await server.with_connection(talk) in {400, 414, 431}
        assert server.echo.asked == []


@pytest.mark.parametrize("path", [b"/\xff\xfe", "/é".encode(), b"/\xed\xa0\x80"])
async def test_a_path_that_is_no_text_is_refused_and_its_span_can_be_sent(path: bytes) -> None:
    async with served() as server:
        response = await server.send(b"GET " + path + b" HTTP/1.1\r\nHost: h\r\n\r\n")
        assert response.status in {400, 404}
        for told in server.emitted:
            assert (told.route + told.method).encode()


@pytest.mark.parametrize("value", [b"\xff\xfe", "é".encode()])
async def test_a_header_that_is_no_text_does_no_harm(value: bytes) -> None:
    async with served() as server:
        request = POST + b"x-tollkeeper-user: %b\r\nAuthorization: Bearer %b\r\n" % (value, value)
        response = await server.send(request + b"Content-Length: 0\r\n\r\n")
        assert response.status in {200, 400}
        for told, _ in server.echo.asked:
            assert told.caller.user.encode() is not None


# Sizes and times


async def test_a_body_up_to_the_limit_passes_and_one_byte_more_does_not() -> None:
    async with served(max_body_bytes=2_000) as server:
        assert (await server.ask(body=b"x" * 2_000)).body == b"x" * 2_000
        refused(await server.ask(body=b"x" * 2_001), 413, "body_too_large")
        chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n"
        chunk = b"3e8\r\n" + b"x" * 1_000 + b"\r\n"
        assert (await server.send(chunked + chunk * 2 + b"0\r\n\r\n")).status == 200
        refused(await server.send(chunked + chunk * 3 + b"0\r\n\r\n"), 413, "body_too_large")
        assert len(server.echo.asked) == 2


async def test_a_body_that_does_not_come_is_given_up() -> None:
    async with served(body_timeout_s=0.2) as server:
        response = await server.send(POST + b"Content-Length: 10\r\n\r\nhalf")
        refused(response, 408, "body_timeout")
        assert server.echo.asked == []
        assert server.emitted[0].outcome == "refused"


@pytest.mark.parametrize("sent", [b"", b"POST /ec", POST + b"X: a\r\n"])
async def test_a_head_that_does_not_come_is_given_up(sent: bytes) -> None:
    async with served(head_timeout_s=0.2) as server:
        response = await server.send(sent)
        refused(response, 408, "head_timeout")
        assert server.emitted[0].refusal is not None


async def test_a_second_head_that_does_not_come_is_given_up_too() -> None:
    async with served(head_timeout_s=0.3) as server:

        def talk(connection: RawConnection) -> tuple[bytes, RawResponse]:
            connection.send(request_bytes("/echo", b"first"))
            first = connection.read_response().body
            connection.send(b"POST /ec")
            return first, connection.read_response()

        first, second = await server.with_connection(talk)
        assert first == b"first"
        refused(second, 408, "head_timeout")


async def test_a_head_that_comes_in_time_is_served_however_slowly_the_body_follows() -> None:
    async with served(head_timeout_s=0.3, body_timeout_s=10) as server:

        def talk(connection: RawConnection) -> bytes:
            connection.send(POST + b"Content-Length: 2\r\n\r\n")
            time.sleep(0.6)
            connection.send(b"hi")
            return connection.read_response().body

        assert await server.with_connection(talk) == b"hi"


# Callers who leave


@pytest.mark.parametrize("way", ["fin", "rst"])
@pytest.mark.parametrize("pieces", [0, 1])
async def test_a_caller_who_leaves_cancels_its_request(way: str, pieces: int) -> None:
    async with served(Echo(pieces=pieces, waits=asyncio.Event())) as server:

        def leave(connection: RawConnection) -> None:
            connection.send(request_bytes("/echo", b"x"))
            time.sleep(0.1)
            if way == "rst":
                connection.reset()

        await server.with_connection(leave)
        await until(lambda: server.echo.cancelled == 1)


async def test_a_caller_who_does_not_read_holds_the_stream_back() -> None:
    async with served(Echo(pieces=2_000)) as server:

        def stall(connection: RawConnection) -> int:
            connection.send(request_bytes("/echo", b"x" * 100_000))
            before = -1
            while server.echo.written != before:
                before = server.echo.written
                time.sleep(0.2)
            return before

        assert 0 < await server.with_connection(stall) < 300
        await until(lambda: server.echo.cancelled == 1)


# The parts


def test_routes_are_found_exactly() -> None:
    echo = Echo()
    routes = Routes({("POST", "/a"): echo}, lambda told: None)
    assert routes.find("POST", "/a") is echo
    for method, path, status in (("GET", "/a", 405), ("POST", "/a/", 404), ("post", "/a", 405)):
        refusal = routes.find(method, path)
        assert isinstance(refusal, Refusal)
        assert refusal.status == status


def test_a_refusal_is_noted_with_its_end() -> None:
    told: Exchange = exchange()
    note_refusal(told, Refusal("framing", "no", status=400, code="x"))
    assert (told.status, told.outcome, told.error_type) == (400, "refused", "x")
    assert told.ended_unix_ns > 0


async def test_an_answer_to_head_has_no_body_and_the_next_one_stands_where_it_must() -> None:
    async with served() as server:

        def talk(connection: RawConnection) -> tuple[RawResponse, RawResponse]:
            connection.send(request_bytes("/echo", method="HEAD"))
            first = connection.read_response(method="HEAD")
            connection.send(request_bytes("/echo", b"next"))
            return first, connection.read_response()

        first, second = await server.with_connection(talk)
    assert first.status == 405
    assert int(first.header("content-length")) > 0
    assert (second.status, second.body) == (200, b"next")


async def test_a_caller_of_http_1_0_is_sent_no_interim_answer() -> None:
    request = b"POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"
    async with served() as server:

        def talk(connection: RawConnection) -> bytes:
            connection.send(request)
            return connection.read_until_close()

        answer = await server.with_connection(talk)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"\r\n\r\nhi")


@pytest.mark.parametrize(
    "request_", [b"no http at all\r\n\r\n", request_bytes("/nowhere"), request_bytes("/echo", b"x")]
)
async def test_no_answer_says_what_it_is_made_of(request_: bytes) -> None:
    async with served() as server:
        response = await server.send(request_)
    assert "aiohttp" not in str(response.headers)
    assert "Python" not in str(response.headers)


async def test_an_endpoint_that_fails_is_answered_without_detail_and_told_of_once() -> None:
    async with served(_Broken()) as server:
        response = await server.ask(body=b"x")
        emitted = list(server.emitted)
    assert response.status == 500
    assert response.json()["error"]["code"] == "internal_error"
    assert b"secret" not in response.body
    assert [exchange.status for exchange in emitted] == [500]


class _Broken(Echo):
    """An endpoint with a bug that it does not catch itself."""

    async def serve(self, exchange: Exchange, body: bytes, sink: Sink) -> None:
        raise RuntimeError("secret detail")


@pytest.mark.parametrize("way", ["fin", "rst"])
async def test_a_caller_who_leaves_in_the_middle_of_its_body_reaches_no_endpoint(way: str) -> None:
    async with served(body_timeout_s=5.0) as server:

        def leave(connection: RawConnection) -> None:
            connection.send(POST + b"Content-Length: 10\r\n\r\nhalf")
            if way == "rst":
                connection.reset()

        await server.with_connection(leave)
        await server.ask(body=b"another")  # by now the first one has been dealt with, or soon is
        await until(lambda: len(server.echo.asked) == 1)
        assert server.echo.asked[0][1] == b"another"
        assert len(server.emitted) <= 1


async def test_a_caller_who_leaves_before_its_answer_is_told_of_by_the_endpoint_alone() -> None:
    echo = Echo(waits=asyncio.Event())
    async with served(echo) as server:
        await server.with_connection(lambda connection: connection.send(request_bytes("/echo")))
        await until(lambda: echo.cancelled == 1)
        assert server.emitted == []


async def test_a_large_answer_waits_for_a_slow_reader_and_arrives_whole() -> None:
    body = bytes(range(256)) * (16 * 1024)
    async with served(max_body_bytes=len(body)) as server:

        def talk(connection: RawConnection) -> RawResponse:
            connection.send(request_bytes("/echo", body))
            time.sleep(0.2)
            return connection.read_response()

        response = await server.with_connection(talk)
    assert response.complete
    assert response.body == body
