"""A call over HTTP: the answer once its head is there, redirects refused, codings undone."""

import asyncio

import pytest
from tests.equipment import script
from tests.equipment.script import Script
from tests.equipment.scripted_provider import ScriptedProvider, wait_until_left
from tests.proxy.upstream.calls import call_to, scripted
from tests.proxy.upstream.conftest import Run

from tollkeeper_proxy.errors import UpstreamError
from tollkeeper_proxy.upstream.http import HttpUpstream
from tollkeeper_proxy.upstream.pool import ConnectionPool


def test_gives_the_answer_once_its_head_is_there(run: Run, provider: ScriptedProvider) -> None:
    call = scripted(provider, script.stream("a").but(event_delay_s=0.1))

    async def scenario() -> None:
        pool = ConnectionPool()
        answer = await HttpUpstream(pool).send(call)
        assert answer.status == 200
        assert dict(answer.headers)["content-type"].startswith("text/event-stream")
        assert provider.received[0].finished_s is None
        assert b"[DONE]" in await answer.read_all(100_000)
        answer.close()
        assert pool.open_connections(call.origin) == 1
        pool.close()

    run(scenario())


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_follows_no_redirect(run: Run, status: int) -> None:
    async def scenario() -> None:
        with ScriptedProvider() as elsewhere, ScriptedProvider() as provider:
            target = script.redirect(f"{elsewhere.base_url}/x", status=status)
            body = b"" if status == 304 else target.body
            call = scripted(provider, target.but(body=body))
            pool = ConnectionPool()
            with pytest.raises(UpstreamError) as error:
                await HttpUpstream(pool).send(call)
            assert error.value.fault == "redirect_refused"
            assert elsewhere.received == []
            pool.close()

    run(scenario())


CODED = {
    "in an unknown way": (("Content-Encoding", "br"),),
    "in two ways": (("Content-Encoding", "gzip, gzip"),),
    "in two ways, in two lines": (("Content-Encoding", "gzip"), ("Content-Encoding", "gzip")),
}


@pytest.mark.parametrize("headers", CODED.values(), ids=CODED)
def test_refuses_an_answer_coded(
    run: Run, provider: ScriptedProvider, headers: tuple[tuple[str, str], ...]
) -> None:
    call = scripted(provider, script.answer().but(headers=headers))

    async def scenario() -> None:
        pool = ConnectionPool()
        with pytest.raises(UpstreamError) as error:
            await HttpUpstream(pool).send(call)
        assert error.value.fault == "bad_response"
        assert pool.open_connections(call.origin) == 0
        pool.close()

    run(scenario())


def test_undoes_a_coding_nobody_asked_for(run: Run, provider: ScriptedProvider) -> None:
    plain = script.answer("hello")
    call = scripted(provider, script.gzipped(plain))

    async def scenario() -> None:
        pool = ConnectionPool()
        answer = await HttpUpstream(pool).send(call)
        assert "content-encoding" not in dict(answer.headers)
        assert await answer.read_all(10_000) == plain.body
        answer.close()
        assert pool.open_connections(call.origin) == 1
        pool.close()

    run(scenario())


def test_leaves_the_provider_when_cancelled_before_the_head(
    run: Run, provider: ScriptedProvider
) -> None:
    call = scripted(provider, script.answer().but(header_delay_s=30.0))

    async def scenario() -> None:
        pool = ConnectionPool()
        task = asyncio.create_task(HttpUpstream(pool).send(call))
        await asyncio.to_thread(provider.wait_for, "m")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(wait_until_left, provider.received[0])
        assert pool.open_connections(call.origin) == 0
        pool.close()

    run(scenario())


def test_a_fault_before_the_head_gives_the_connection_back(
    run: Run, provider: ScriptedProvider
) -> None:
    broken: Script = script.two_lengths()
    call = scripted(provider, broken)

    async def scenario() -> None:
        pool = ConnectionPool()
        for _ in range(3):
            with pytest.raises(UpstreamError):
                await HttpUpstream(pool).send(call)
        assert pool.open_connections(call.origin) == 0
        answer = await HttpUpstream(pool).send(call_to(provider.port, "n", max_connections=1))
        answer.close()
        pool.close()

    run(scenario())
