"""Time is called once, for all who wait inside; a caller's own leaving is another matter."""

import asyncio

import pytest

from tollkeeper_proxy.errors import ShuttingDown
from tollkeeper_proxy.server.closing import ClosingTime


async def waits(closing: ClosingTime, inside: asyncio.Event) -> None:
    async with closing.open_hours():
        inside.set()
        await asyncio.get_running_loop().create_future()


async def test_who_waits_inside_is_told() -> None:
    closing, inside = ClosingTime(), asyncio.Event()
    tasks = [asyncio.create_task(waits(closing, inside)) for _ in range(3)]
    await inside.wait()
    closing.call()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [ShuttingDown] * 3
    assert not any(task.cancelled() for task in tasks)


async def test_who_comes_late_is_told_at_the_first_wait() -> None:
    closing = ClosingTime()
    closing.call()
    with pytest.raises(ShuttingDown):
        await waits(closing, asyncio.Event())


async def test_who_has_left_hears_nothing() -> None:
    closing = ClosingTime()
    async with closing.open_hours():
        await asyncio.sleep(0)
    closing.call()
    await asyncio.sleep(0)


async def test_a_caller_who_leaves_is_cancelled_and_not_told() -> None:
    closing, inside = ClosingTime(), asyncio.Event()
    task = asyncio.create_task(waits(closing, inside))
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_timeout_of_another_kind_stays_one() -> None:
    with pytest.raises(TimeoutError):
        async with ClosingTime().open_hours():
            raise TimeoutError
