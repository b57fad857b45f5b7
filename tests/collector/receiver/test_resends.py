import asyncio

from tollkeeper_collector.otlp.answers import Outcome
from tollkeeper_collector.receiver import resends
from tollkeeper_collector.receiver.resends import Resends


async def done() -> "asyncio.Future[Outcome]":
    future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    future.set_result(Outcome(1, "old"))
    return future


async def test_a_request_is_known_until_it_is_old() -> None:
    now_s = [0.0]
    recent = Resends(lambda: now_s[0], keep_s=10)
    first = await done()
    recent.remember(b"a", first)
    assert recent.recall(b"a") is first
    assert recent.recall(b"b") is None
    now_s[0] = 11.0
    recent.remember(b"b", await done())
    assert recent.recall(b"a") is None


async def test_a_request_that_was_not_accepted_is_forgotten() -> None:
    recent = Resends(lambda: 0.0)
    recent.remember(b"a", await done())
    recent.forget(b"a")
    recent.forget(b"never seen")
    assert recent.recall(b"a") is None


async def test_the_oldest_make_room() -> None:
    recent = Resends(lambda: 0.0)
    first = await done()
    for number in range(resends.MAX_REMEMBERED + 3):
        recent.remember(str(number).encode(), first)
    assert recent.recall(b"2") is None
    assert recent.recall(b"3") is first
