"""One connection to a provider: what it gives, when it gives up, and when it may be used again."""

import asyncio
import socket
import time

import pytest
from tests.equipment import script
from tests.equipment.listener import Listener
from tests.equipment.received import Reader
from tests.equipment.script import Ending, Framing, Script
from tests.equipment.scripted_provider import ScriptedProvider, wait_until_left
from tests.proxy.upstream.calls import call_to, scripted, until
from tests.proxy.upstream.conftest import Run

from tollkeeper_proxy.errors import UpstreamError
from tollkeeper_proxy.upstream import Timeouts, UpstreamCall
from tollkeeper_proxy.upstream.connection import HIGH_WATER_BYTES
from tollkeeper_proxy.upstream.pool import ConnectionPool

LIMIT = 64 * 1024 * 1024


async def whole(pool: ConnectionPool, call: UpstreamCall) -> tuple[int, bytes]:
    """Return status and body of one call, ended as a client ends it."""
    connection = await pool.begin(call)
    try:
        await connection.head()
        return connection.status, await connection.read_all(LIMIT)
    finally:
        connection.close()


async def fault_of(pool: ConnectionPool, call: UpstreamCall) -> str:
    """Return the fault a call ends with."""
    with pytest.raises(UpstreamError) as error:
        await whole(pool, call)
    return error.value.fault


# What comes back


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("size", [0, 1, 5_000, 3_000_000])
def test_an_answer_comes_whole(
    run: Run, provider: ScriptedProvider, framing: Framing, size: int
) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    call = scripted(provider, script.answer().but(body=body, framing=framing))

    async def scenario() -> None:
        pool = ConnectionPool()
        assert await whole(pool, call) == (200, body)
        pool.close()

    run(scenario())


def test_head_and_a_large_body_may_come_in_one_piece(run: Run, provider: ScriptedProvider) -> None:
    body = b"x" * 300_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"
    call = scripted(provider, bytes_of(head + body))

    async def scenario() -> None:
        pool = ConnectionPool()
        assert await whole(pool, call) == (200, body)
        pool.close()

    run(scenario())


def test_the_request_arrives_as_it_was_written(run: Run, provider: ScriptedProvider) -> None:
    call = call_to(provider.port, padding=1_000_000)

    async def scenario() -> None:
        pool = ConnectionPool()
        await whole(pool, call)
        pool.close()

    run(scenario())
    assert provider.received[0].body == call.body
    assert provider.received[0].header("content-length") == str(len(call.body))


def test_events_come_when_they_are_sent(run: Run, provider: ScriptedProvider) -> None:
    events = script.stream("a", "b").events
    slow = script.stream("a", "b").but(event_delay_s=0.05)
    call = scripted(provider, slow)

    async def scenario() -> None:
        pool = ConnectionPool()
        connection = await pool.begin(call)
        await connection.head()
        assert await connection.read() == events[0]
        assert provider.received[0].finished_s is None
        assert await connection.read_all(LIMIT) == b"".join(events[1:])
        connection.close()
        pool.close()

    run(scenario())


def test_header_names_are_in_lower_case_and_interim_answers_are_passed_over(
    run: Run, provider: ScriptedProvider
) -> None:
    call = scripted(provider, script.answer().but(headers=(("X-Thing", "A, b"),),
                    interim=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2))  # fmt: skip

    async def scenario() -> None:
        pool = ConnectionPool()
        connection = await pool.begin(call)
        await connection.head()
        assert ("x-thing", "A, b") in connection.headers
        assert "link" not in dict(connection.headers)
        assert connection.status == 200
        connection.close()
        pool.close()

    run(scenario())


def test_an_error_status_is_an_answer(run: Run, provider: ScriptedProvider) -> None:
    call = scripted(provider, script.error(503))

    async def scenario() -> None:
        pool = ConnectionPool()
        status, body = await whole(pool, call)
        assert status == 503
        assert b"scripted failure" in body
        pool.close()

    run(scenario())


def test_a_body_larger_than_allowed_is_too_large(run: Run, provider: ScriptedProvider) -> None:
    call = scripted(provider, script.answer().but(body=b"x" * 2_000))

    async def scenario() -> None:
        pool = ConnectionPool()
        for limit, fits in ((2_000, True), (1_999, False)):
            connection = await pool.begin(call)
            await connection.head()
            if fits:
                assert len(await connection.read_all(limit)) == 2_000
            else:
                with pytest.raises(UpstreamError, match="larger than allowed"):
                    await connection.read_all(limit)
            connection.close()
        pool.close()

    run(scenario())


# Reuse: only what ended as announced


def test_a_connection_is_used_again(run: Run, provider: ScriptedProvider) -> None:
    async def scenario() -> None:
        pool = ConnectionPool()
        for framing in ("length", "chunked", "length"):
            call = scripted(provider, script.answer().but(framing=framing))
            await whole(pool, call)
        pool.close()

    run(scenario())
    assert provider.connections == 1


OK = b"HTTP/1.1 200 OK\r\n"
FIRST = OK + b"Content-Length: 5\r\n\r\nfirst"
SECOND = OK + b"Content-Length: 5\r\n\r\nother"


def bytes_of(data: bytes) -> Script:
    """Return what sends exactly these bytes, at once."""
    return Script(head=data)


DOUBTFUL = {
    "bytes follow": script.answer().but(stated_length=5, ending="keep"),
    "a second answer follows": bytes_of(FIRST + SECOND),
    "half a second answer follows": bytes_of(FIRST + SECOND[:4]),
    "the server says close": script.answer().but(headers=(("Connection", "close"),)),
    "the body ends with the connection": script.answer().but(framing="close"),
    "the server speaks HTTP/1.0": bytes_of(FIRST.replace(b"1.1", b"1.0", 1)),
}


@pytest.mark.parametrize("doubtful", DOUBTFUL.values(), ids=DOUBTFUL)
def test_a_connection_in_doubt_is_not_used_again(
    run: Run, provider: ScriptedProvider, doubtful: Script
) -> None:
    call = scripted(provider, doubtful)

    async def scenario() -> None:
        pool = ConnectionPool()
        status, body = await whole(pool, call)
        assert status == 200
        assert b"other" not in body
        assert await whole(pool, call_to(provider.port, "n")) == (200, script.answer().body)
        assert pool.open_connections(call.origin) == 1
        pool.close()

    run(scenario())
    assert provider.connections == 2


def test_an_answer_before_the_request_was_sent_is_relayed_and_its_connection_dropped(
    run: Run,
) -> None:
    def answer_early(peer: socket.socket) -> None:
        peer.recv(100)
        peer.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        peer.recv(1)
        time.sleep(0.3)  # reads nothing more meanwhile

    async def scenario(port: int) -> None:
        pool = ConnectionPool()
        call = call_to(port, padding=30_000_000)
        assert await whole(pool, call) == (413, b"no")
        assert pool.open_connections(call.origin) == 0
        pool.close()

    with Listener(answer_early) as listener:
        run(scenario(listener.port))


def test_an_answer_that_was_not_read_to_its_end_is_not_followed_by_another(
    run: Run, provider: ScriptedProvider
) -> None:
    call = scripted(provider, script.stream(*"abcdef").but(event_delay_s=0.01))

    async def scenario() -> None:
        pool = ConnectionPool()
        connection = await pool.begin(call)
        await connection.head()
        await connection.read()
        connection.close()
        connection.close()  # a second time changes nothing
        assert pool.open_connections(call.origin) == 0
        assert await whole(pool, call_to(provider.port, "n")) == (200, script.answer().body)
        pool.close()

    run(scenario())
    assert wait_until_left(provider.received[0])


def test_a_connection_the_provider_closed_while_idle_is_not_used(
    run: Run, provider: ScriptedProvider
) -> None:
    call = scripted(provider, script.answer().but(ending="fin"))

    async def scenario() -> None:
        pool = ConnectionPool()
        for _ in range(3):
            assert await whole(pool, call) == (200, script.answer().body)
            await until(lambda: provider.open_connections == 0)
            await asyncio.sleep(0.02)
        pool.close()

    run(scenario())
    assert provider.connections == 3


def test_bytes_nobody_asked_for_end_an_idle_connection(run: Run) -> None:
    def speak_unasked(peer: socket.socket) -> None:
        reader = Reader(peer, number=0)
        while reader.next_request() is not None:
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
            time.sleep(0.05)
            peer.sendall(SECOND)

    async def scenario(port: int) -> None:
        pool = ConnectionPool()
        for _ in range(2):
            assert await whole(pool, call_to(port)) == (200, b"first")
            await asyncio.sleep(0.2)
        pool.close()

    with Listener(speak_unasked) as listener:
        run(scenario(listener.port))
        assert listener.connections == 2


# Broken answers


BROKEN = {
    "length and chunked": script.length_and_chunked(),
    "two lengths": script.two_lengths(),
    "a length twice": script.with_head("Content-Length: 2", "Content-Length: 2"),
    "a flood of interim answers": script.interim_flood(300),
    "too many interim answers": script.interim_flood(9),
    "many headers": script.header_bomb(1_000, 100),
    "a long header": script.header_bomb(1, 100_000),
    "a header without end": bytes_of(OK + b"X: " + b"a" * 2_000_000),
    "no HTTP": bytes_of(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "a lone line feed": bytes_of(b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}"),
    "another transfer coding": script.with_head("Transfer-Encoding: gzip"),
    "two transfer codings": script.with_head("Transfer-Encoding: chunked, gzip"),
    "a switch of protocols": bytes_of(
        b"HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    ),
    "a status that is none": bytes_of(b"HTTP/1.1 099 X\r\nContent-Length: 2\r\n\r\n{}"),
    "a chunk size that is none": script.with_head("Transfer-Encoding: chunked", body=b"zz\r\n{}"),
    "a chunk longer than told": script.with_head(
        "Transfer-Encoding: chunked", body=b"2\r\n{}x\r\n0\r\n\r\n"
    ),
    "a NUL in a header": script.with_head("X: a\0b", "Content-Length: 2"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_is_no_sound_http_is_refused_and_its_connection_dropped(
    run: Run, provider: ScriptedProvider, broken: Script
) -> None:
    call = scripted(provider, broken.but(ending="hang"))

    async def scenario() -> None:
        pool = ConnectionPool()
        assert await fault_of(pool, call) == "bad_response"
        assert pool.open_connections(call.origin) == 0
        await until(lambda: provider.open_connections == 0)
        pool.close()

    run(scenario())


@pytest.mark.parametrize("broken", ["too many interim answers", "many headers"])
def test_a_broken_head_gives_no_head(run: Run, provider: ScriptedProvider, broken: str) -> None:
    call = scripted(provider, BROKEN[broken].but(ending="hang"))

    async def scenario() -> None:
        pool = ConnectionPool()
        connection = await pool.begin(call)
        with pytest.raises(UpstreamError):
            await connection.head()
        connection.close()
        pool.close()

    run(scenario())


@pytest.mark.parametrize("ending", ["fin", "rst"])
@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(script.answer().but(cut_after=0, head=b""), id="before the head"),
        pytest.param(script.answer().but(cut_after=0, head=b"HTTP/1.1 200 OK\r\nContent-L"),
                     id="in the head"),
        pytest.param(script.answer().but(cut_after=20), id="in a body of known length"),
        pytest.param(script.stream("a", "b").but(cut_after=300), id="between chunks"),
        pytest.param(script.answer().but(stated_length=10_000, cut_after=100),
                     id="far from the stated length"),
    ],
)  # fmt: skip
def test_an_answer_that_is_cut_off_never_looks_whole(
    run: Run, provider: ScriptedProvider, cut: Script, ending: Ending
) -> None:
    call = scripted(provider, cut.but(ending=ending))

    async def scenario() -> None:
        pool = ConnectionPool()
        assert await fault_of(pool, call) == "connection_lost"
        assert pool.open_connections(call.origin) == 0
        pool.close()

    run(scenario())


def test_a_body_that_ends_with_a_reset_is_cut_off(run: Run, provider: ScriptedProvider) -> None:
    call = scripted(provider, script.answer().but(framing="close", cut_after=20, ending="rst"))

    async def scenario() -> None:
        pool = ConnectionPool()
        assert await fault_of(pool, call) == "connection_lost"
        pool.close()

    run(scenario())


def test_what_came_before_the_cut_is_given_before_the_fault(
    run: Run, provider: ScriptedProvider
) -> None:
    events = script.stream("a", "b").events
    cut = script.stream("a", "b").but(cut_after=len(events[0]), ending="fin")
    call = scripted(provider, cut)

    async def scenario() -> None:
        pool = ConnectionPool()
        connection = await pool.begin(call)
        await connection.head()
        assert await connection.read() == events[0]
        with pytest.raises(UpstreamError) as error:
            await connection.read()
        assert error.value.fault == "connection_lost"
        connection.close()
        pool.close()

    run(scenario())


# Time


SHORT = 0.15


@pytest.mark.parametrize(
    ("slow", "timeouts", "fault"),
    [
        (script.answer().but(header_delay_s=30.0), Timeouts(first_byte_s=SHORT),
         "first_byte_timeout"),
        (script.stream("a", "b").but(event_delay_s=30.0), Timeouts(idle_s=SHORT), "idle_timeout"),
        (script.answer().but(header_delay_s=30.0), Timeouts(total_s=SHORT), "total_timeout"),
        (script.stream(*"ab" * 500).but(event_delay_s=0.02), Timeouts(idle_s=9.0, total_s=SHORT),
         "total_timeout"),
    ],
)  # fmt: skip
def test_each_phase_has_its_own_time(
    run: Run, provider: ScriptedProvider, slow: Script, timeouts: Timeouts, fault: str
) -> None:
    provider.play("m", slow)
    call = call_to(provider.port, timeouts=timeouts)

    async def scenario() -> None:
        pool = ConnectionPool()
        assert await fault_of(pool, call) == fault
        assert pool.open_connections(call.origin) == 0
        pool.close()

    run(scenario())
    assert wait_until_left(provider.received[0])


def test_a_head_that_trickles_in_is_late_all_the_same(run: Run) -> None:
    def trickle(peer: socket.socket) -> None:
        Reader(peer, number=0).next_request()
        head = b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100 + b"\r\nContent-Length: 2\r\n\r\n{}"
        for place in range(len(head)):
            peer.sendall(head[place : place + 1])
            time.sleep(0.03)

    async def scenario(port: int) -> None:
        pool = ConnectionPool()
        call = call_to(port, timeouts=Timeouts(first_byte_s=0.3, idle_s=10.0))
        assert await fault_of(pool, call) == "first_byte_timeout"
        pool.close()

    with Listener(trickle) as listener:
        run(scenario(listener.port))


def test_a_stream_may_take_longer_than_any_single_wait(
    run: Run, provider: ScriptedProvider
) -> None:
    slow = script.stream(*"abcdefgh").but(event_delay_s=0.1)
    provider.play("m", slow)
    call = call_to(provider.port, timeouts=Timeouts(first_byte_s=0.6, idle_s=0.6))

    async def scenario() -> None:
        pool = ConnectionPool()
        assert await whole(pool, call) == (200, b"".join(slow.events))
        pool.close()

    run(scenario())


# Memory


def test_reading_stops_while_nobody_reads(run: Run, provider: ScriptedProvider) -> None:
    block = b"x" * 65_536
    flood = Script(headers=script.EVENTS, events=(block,) * 1_000, framing="chunked")
    call = scripted(provider, flood)

    async def scenario() -> None:
        pool = ConnectionPool()
        connection = await pool.begin(call)
        await connection.head()
        received = provider.wait_for("m")
        before = -1
        while received.events_sent != before:  # until the provider can send no more
            before = received.events_sent
            await asyncio.sleep(0.3)
        assert received.events_sent < 600
        assert sum(len(chunk) for chunk in connection._chunks) < 4 * HIGH_WATER_BYTES
        assert len(await connection.read_all(LIMIT)) == 1_000 * len(block)
        connection.close()
        assert pool.open_connections(call.origin) == 1
        pool.close()

    run(scenario())


def test_time_runs_out_also_while_nobody_reads(run: Run, provider: ScriptedProvider) -> None:
    block = b"x" * 65_536
    flood = Script(headers=script.EVENTS, events=(block,) * 400, framing="chunked")
    provider.play("m", flood)
    call = call_to(provider.port, timeouts=Timeouts(total_s=0.3))

    async def scenario() -> None:
        pool = ConnectionPool()
        connection = await pool.begin(call)
        await connection.head()
        await asyncio.sleep(0.5)
        with pytest.raises(UpstreamError) as error:
            await connection.read_all(LIMIT)
        assert error.value.fault == "total_timeout"
        connection.close()
        assert pool.open_connections(call.origin) == 0
        pool.close()

    run(scenario())


def test_a_cut_while_reading_is_paused_is_still_a_cut(run: Run, provider: ScriptedProvider) -> None:
    block = b"x" * 65_536
    flood = Script(headers=script.EVENTS, events=(block,) * 20, framing="chunked")
    call = scripted(provider, flood.but(cut_after=15 * len(block), ending="rst"))

    async def scenario() -> None:
        pool = ConnectionPool()
        connection = await pool.begin(call)
        await connection.head()
        await asyncio.sleep(0.3)
        with pytest.raises(UpstreamError):
            await connection.read_all(LIMIT)
        connection.close()
        pool.close()

    run(scenario())


# Leaving


@pytest.mark.parametrize(
    "phase",
    [
        pytest.param(script.answer().but(header_delay_s=30.0), id="before the head"),
        pytest.param(script.stream("a", "b").but(event_delay_s=30.0), id="between events"),
        pytest.param(script.answer().but(cut_after=20, ending="hang"), id="inside a body"),
        pytest.param(Script(headers=script.EVENTS, events=(b"x" * 65_536,) * 2_000,
                            framing="chunked"), id="while it pours"),
    ],
)  # fmt: skip
def test_a_cancelled_call_leaves_the_provider_in_every_phase(
    run: Run, provider: ScriptedProvider, phase: Script
) -> None:
    call = scripted(provider, phase)

    async def slow_reader(pool: ConnectionPool) -> None:
        connection = await pool.begin(call)
        try:
            await connection.head()
            for _ in range(10_000):
                await connection.read()
                await asyncio.sleep(0.01)
        finally:
            connection.close()

    async def scenario() -> None:
        pool = ConnectionPool()
        task = asyncio.create_task(slow_reader(pool))
        await until(lambda: len(provider.received) == 1)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert pool.open_connections(call.origin) == 0
        await until(lambda: provider.open_connections == 0)
        pool.close()

    run(scenario())
