import asyncio
import sqlite3
from pathlib import Path

import pytest

from tollkeeper_proxy.cache import store as store_module
from tollkeeper_proxy.cache.entries import CacheDown, Entry
from tollkeeper_proxy.cache.store import SqliteAnswers
from tollkeeper_proxy.wire import Answer


def entry(key: str, body: bytes = b"{}") -> Entry:
    return Entry(key, "t1", Answer(200, "application/json", body), 60.0)


async def opened(path: Path, **settings: int) -> SqliteAnswers:
    answers = SqliteAnswers(path / "answers.db", max_bytes=settings.get("max_bytes", 10**6))
    await answers.open()
    return answers


async def test_what_is_kept_is_found_also_by_another_worker(tmp_path: Path) -> None:
    first, second = await opened(tmp_path), await opened(tmp_path)
    first.keep(entry("k", b"hello"))
    await first.find("k")  # behind the write, on the same thread
    found = await second.find("k")
    assert found is not None
    assert found.body == b"hello"
    await first.close()
    await second.close()


async def test_closing_writes_what_waits(tmp_path: Path) -> None:
    answers = await opened(tmp_path)
    for number in range(100):
        answers.keep(entry(f"k{number}"))
    await answers.close()
    again = await opened(tmp_path)
    assert await again.find("k99") is not None
    await again.close()


async def test_keeping_never_waits_and_drops_what_is_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "WAITING_BYTES", 1000)
    answers = await opened(tmp_path)
    blocker = sqlite3.connect(tmp_path / "answers.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    for number in range(10):
        answers.keep(entry(f"k{number}", b"x" * 300))
    blocker.execute("ROLLBACK")
    blocker.close()
    await answers.close()
    assert answers.dropped == 7
    assert answers._waiting_bytes == 0


async def test_a_store_that_cannot_be_opened_is_out_of_use_and_nothing_more(
    tmp_path: Path,
) -> None:
    answers = SqliteAnswers(tmp_path / "no" / "folder" / "answers.db", max_bytes=10**6)
    await answers.open()
    answers.keep(entry("k"))
    with pytest.raises(CacheDown):
        await answers.find("k")
    await answers.close()
    assert answers.dropped == 1


async def test_a_broken_file_is_a_miss_by_name(tmp_path: Path) -> None:
    answers = await opened(tmp_path)
    other = sqlite3.connect(tmp_path / "answers.db")
    other.execute("DROP TABLE cached_answers")
    other.close()
    with pytest.raises(CacheDown):
        await answers.find("k")
    answers.keep(entry("k"))
    await answers.close()
    assert answers.dropped == 1


async def test_the_loop_runs_on_while_it_looks(tmp_path: Path) -> None:
    answers = await opened(tmp_path)
    answers.keep(entry("k"))
    found = await asyncio.gather(*(answers.find("k") for _ in range(200)))
    assert all(found)
    await answers.close()
