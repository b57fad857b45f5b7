"""Connections are shared without mixing up, never too many, and given to who waits longest."""

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.equipment import script
from tests.equipment.listener import Listener
from tests.equipment.received import Reader
from tests.equipment.script import Script
from tests.equipment.scripted_provider import ScriptedProvider
from tests.proxy.upstream.calls import call_to, origin_of, scripted, until
from tests.proxy.upstream.conftest import Run

from tollkeeper_proxy.errors import UpstreamError
from tollkeeper_proxy.upstream import Origin, Timeouts, UpstreamCall
from tollkeeper_proxy.upstream.connection import UpstreamConnection
from tollkeeper_proxy.upstream.pool import PLAIN_IDLE_S, ConnectionPool

QUICK = script.answer()


@asynccontextmanager
async def opened() -> AsyncIterator[ConnectionPool]:
    pool = ConnectionPool()
    try:
        yield pool
    finally:
        pool.close()


async def ask(pool: ConnectionPool, call: UpstreamCall) -> bytes:
    connection = await pool.begin(call)
    try:
        await connection.head()
        return await connection.read_all(10_000_000)
    finally:
        connection.close()


def one_at_a_time(provider: ScriptedProvider, *, connect_s: float = 10.0) -> UpstreamCall:
    return call_to(provider.port, max_connections=1, timeouts=Timeouts(connect_s=connect_s))


def test_the_newest_idle_connection_is_used_first(run: Run, provider: ScriptedProvider) -> None:
    async def scenario() -> None:
        async with opened() as pool:
            call = call_to(provider.port)
            first, second = await pool.begin(call), await pool.begin(call)
            for connection in (first, second):
                await connection.head()
                await connection.read_all(10_000)
                connection.close()
            assert await pool.begin(call) is second

    run(scenario())


def test_origins_do_not_share_connections(run: Run, provider: ScriptedProvider) -> None:
    async def scenario() -> None:
        with ScriptedProvider(script.answer("other")) as other:
            async with opened() as pool:
                await ask(pool, call_to(provider.port))
                assert b"other" in await ask(pool, call_to(other.port))
                assert pool.open_connections(origin_of(provider.port)) == 1
                assert pool.open_connections(origin_of(other.port)) == 1

    run(scenario())


def test_a_connection_idle_for_too_long_is_closed(run: Run, provider: ScriptedProvider) -> None:
    async def scenario() -> None:
        async with opened() as pool:
            call = call_to(provider.port)
            connection = await pool.begin(call)
            await connection.head()
            await connection.read_all(10_000)
            connection.close()
            connection.idle_since_s -= PLAIN_IDLE_S + 1
            assert await pool.begin(call) is not connection
            assert pool.open_connections(call.origin) == 1

    run(scenario())


# Never too many


def test_there_are_never_more_connections_than_allowed(
    run: Run, provider: ScriptedProvider
) -> None:
    provider.play("m", QUICK.but(header_delay_s=0.02))

    async def scenario() -> None:
        async with opened() as pool:
            call = call_to(provider.port, max_connections=3, timeouts=Timeouts(connect_s=15.0))
            most = 0

            async def one() -> None:
                nonlocal most
                connection = await pool.begin(call)
                most = max(most, provider.open_connections)
                await connection.head()
                await connection.read_all(10_000)
                connection.close()

            await asyncio.gather(*(one() for _ in range(40)))
            assert most <= 3
            assert pool.open_connections(call.origin) <= 3

    run(scenario())
    assert provider.connections == 3


def test_who_waits_longest_comes_first_and_newcomers_wait_behind(
    run: Run, provider: ScriptedProvider
) -> None:
    call = one_at_a_time(provider)

    async def scenario() -> None:
        async with opened() as pool:
            served: list[str] = []

            async def one(name: str) -> None:
                await ask(pool, call)
                served.append(name)
                if name == "first":  # at once, before the loop turns to those who wait
                    await ask(pool, call)
                    served.append("newcomer")

            tasks = [asyncio.create_task(one(name)) for name in ("first", "second", "third")]
            await asyncio.gather(*tasks)
            assert served == ["first", "second", "third", "newcomer"]

    run(scenario())
    assert provider.connections == 1


def test_waiting_ends_when_its_time_is_over_however_often_room_came_and_went(
    run: Run, provider: ScriptedProvider
) -> None:
    provider.play("m", QUICK.but(header_delay_s=5.0))

    async def scenario() -> None:
        async with opened() as pool:
            busy = await pool.begin(one_at_a_time(provider))
            with pytest.raises(UpstreamError) as error:
                await pool.begin(one_at_a_time(provider, connect_s=0.1))
            assert error.value.fault == "pool_exhausted"
            busy.close()
            assert await pool.begin(one_at_a_time(provider))

    run(scenario())


def test_no_more_wait_than_may_wait(
    run: Run, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollkeeper_proxy.upstream.pool.MAX_WAITING", 2)
    call = one_at_a_time(provider)

    async def scenario() -> None:
        async with opened() as pool:
            busy = await pool.begin(call)
            waiting = [asyncio.create_task(pool.begin(call)) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(UpstreamError) as error:
                await pool.begin(call)
            assert error.value.fault == "pool_exhausted"
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            busy.close()

    run(scenario())


def test_a_waiter_who_leaves_just_as_its_turn_comes_gives_it_on(
    run: Run, provider: ScriptedProvider
) -> None:
    call = one_at_a_time(provider)

    async def scenario() -> None:
        async with opened() as pool:
            for ends_well in (True, False):
                busy = await pool.begin(call)
                if ends_well:
                    await busy.head()
                    await busy.read_all(10_000)
                leaves, stays = (asyncio.create_task(ask(pool, call)) for _ in range(2))
                await asyncio.sleep(0.01)
                busy.close()
                leaves.cancel()  # before the loop could tell it that its turn had come
                async with asyncio.timeout(3.0):
                    assert await stays == QUICK.body
                with pytest.raises(asyncio.CancelledError):
                    await leaves
            assert pool.open_connections(call.origin) == 1

    run(scenario())


def test_a_waiter_takes_the_place_of_a_connection_that_was_lost(
    run: Run, provider: ScriptedProvider
) -> None:
    call = one_at_a_time(provider)

    async def scenario() -> None:
        async with opened() as pool:
            busy = await pool.begin(call)
            waiting = asyncio.create_task(ask(pool, call))
            await asyncio.sleep(0.01)
            busy.close()  # in the middle of its answer: not to be used again
            assert await waiting == QUICK.body
            assert pool.open_connections(call.origin) == 1

    run(scenario())
    assert provider.connections == 2


def test_a_failed_connect_makes_room_for_who_waits(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    async def scenario() -> None:
        async with opened() as pool:
            call = call_to(port, max_connections=1)
            faults = await asyncio.gather(
                *(pool.begin(call) for _ in range(5)), return_exceptions=True
            )
            assert [f.fault for f in faults if isinstance(f, UpstreamError)] == [
                "connect_failed"
            ] * 5
            assert pool.open_connections(call.origin) == 0

    run(scenario())


# Connecting


@asynccontextmanager
async def unaccepting() -> AsyncIterator[int]:
    """Give the port of a listener whose queue is full, so that connecting to it hangs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        await asyncio.sleep(0.05)
        try:
            yield port
        finally:
            for filler in fillers:
                filler.close()


def test_connecting_has_its_own_time(run: Run) -> None:
    async def scenario() -> None:
        async with unaccepting() as port, opened() as pool:
            call = call_to(port, timeouts=Timeouts(connect_s=0.1))
            with pytest.raises(UpstreamError) as error:
                await pool.begin(call)
            assert error.value.fault == "connect_timeout"
            assert pool.open_connections(call.origin) == 0

    run(scenario())


def test_a_call_cancelled_while_connecting_leaves_nothing(run: Run) -> None:
    async def scenario() -> None:
        async with unaccepting() as port, opened() as pool:
            call = call_to(port)
            task = asyncio.create_task(pool.begin(call))
            await asyncio.sleep(0.05)
            assert pool.open_connections(call.origin) == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert pool.open_connections(call.origin) == 0

    run(scenario())


def test_a_call_cancelled_while_waiting_leaves_nothing(
    run: Run, provider: ScriptedProvider
) -> None:
    call = one_at_a_time(provider)

    async def scenario() -> None:
        async with opened() as pool:
            busy = await pool.begin(call)
            task = asyncio.create_task(pool.begin(call))
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            busy.close()
            assert await ask(pool, call) == QUICK.body

    run(scenario())


def test_a_server_that_does_not_speak_tls_is_a_failed_connect(
    run: Run, provider: ScriptedProvider
) -> None:
    async def scenario() -> None:
        async with opened() as pool:
            plain = call_to(provider.port, timeouts=Timeouts(connect_s=2.0))
            origin = Origin("https", "127.0.0.1", provider.port)
            call = UpstreamCall(origin, plain.head, plain.body, plain.timeouts)
            with pytest.raises(UpstreamError) as error:
                await pool.begin(call)
            assert error.value.fault in {"connect_failed", "connect_timeout"}
            assert pool.open_connections(origin) == 0

    run(scenario())


def test_certificates_are_checked(run: Run) -> None:
    async def scenario() -> None:
        async with opened() as pool:
            assert pool._tls.verify_mode is ssl.CERT_REQUIRED
            assert pool._tls.check_hostname

    run(scenario())


# Closing


def test_closing_ends_idle_connections_at_once_and_others_with_their_answers(
    run: Run, provider: ScriptedProvider
) -> None:
    call = scripted(provider, script.stream("a", "b").but(event_delay_s=0.02))

    async def scenario() -> None:
        pool = ConnectionPool()
        await ask(pool, call_to(provider.port, "n"))
        idle = await pool.begin(call_to(provider.port, "n"))
        await idle.head()
        await idle.read_all(10_000)
        busy = await pool.begin(call)
        idle.close()
        pool.close()
        await until(lambda: provider.open_connections == 1)
        await busy.head()
        assert b"[DONE]" in await busy.read_all(10_000)
        busy.close()
        await until(lambda: provider.open_connections == 0)
        assert pool.open_connections(call.origin) == 0

    run(scenario())


# Nothing is ever mixed up (D22)


def _echo(peer: socket.socket) -> None:
    """Answer each request with its own body, in pieces."""
    reader = Reader(peer, number=0)
    dice = random.Random()
    while (received := reader.next_request()) is not None:
        body = received.body
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        cut = dice.randrange(len(body))
        peer.sendall(body[:cut])
        peer.sendall(body[cut:])


def test_random_cancels_never_give_anyone_another_ones_answer(run: Run) -> None:
    dice = random.Random(20)

    async def scenario(port: int) -> None:
        async with opened() as pool:
            answered = 0

            async def one(number: int) -> None:
                nonlocal answered
                call = call_to(port, f"tag-{number}", max_connections=8, padding=number % 900)
                connection: UpstreamConnection | None = None
                try:
                    connection = await pool.begin(call)
                    await connection.head()
                    assert await connection.read_all(100_000) == call.body
                    answered += 1
                finally:
                    if connection is not None:
                        connection.close()

            for start in range(0, 1_500, 50):
                tasks = [asyncio.create_task(one(start + i)) for i in range(50)]
                for task in tasks:
                    if dice.random() < 0.4:
                        asyncio.get_running_loop().call_later(dice.random() / 50, task.cancel)
                ends = await asyncio.gather(*tasks, return_exceptions=True)
                wrong = [e for e in ends if e and not isinstance(e, asyncio.CancelledError)]
                assert wrong == []
            assert answered > 700
            assert pool.open_connections(origin_of(port)) <= 8

    with Listener(_echo) as listener:
        run(scenario(listener.port))


def test_a_script_may_cut_any_answer_and_the_next_is_whole(
    run: Run, provider: ScriptedProvider
) -> None:
    whole = script.stream("a", "b", "c")
    size = len(b"".join(whole.events))

    async def scenario() -> None:
        async with opened() as pool:
            for place in range(0, size, 97):
                cut: Script = whole.but(cut_after=place, ending="fin")
                with pytest.raises(UpstreamError):
                    await ask(pool, scripted(provider, cut))
                assert await ask(pool, call_to(provider.port, "n")) == QUICK.body

    run(scenario())
