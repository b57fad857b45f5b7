"""The ledger's thread: groups, cancellation, a store that is locked or gone, closing."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tollkeeper.pricing import Usage
from tollkeeper_proxy.ledger import clerk, flush, tables, transaction
from tollkeeper_proxy.ledger.clerk import SqliteLedger
from tollkeeper_proxy.ledger.entries import (
    Account,
    Ask,
    Denied,
    Granted,
    LedgerDown,
    LedgerLine,
    Settlement,
)

ACCOUNT = Account("key:k1", "total")
LINE = LedgerLine("r1", "k1", "t1", "demo", "echo", "complete", Usage(7, 9), 42)


def ask(name: str, amount: int = 100, *, limit: int = 1000, minimum: int = 1) -> Ask:
    return Ask(name, ACCOUNT, LINE, limit, amount, minimum, 60.0)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    opened = SqliteLedger(tmp_path / "state.db")
    await opened.open()
    yield opened
    await opened.close()


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path / "state.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def test_many_callers_at_once_share_what_there_is(ledger: SqliteLedger) -> None:
    verdicts = await asyncio.gather(
        *(ledger.reserve(ask(f"r{n}", 100, minimum=100)) for n in range(400))
    )
    assert sum(isinstance(verdict, Granted) for verdict in verdicts) == 10


async def test_a_settlement_leaves_one_line_with_usage_and_cost(
    ledger: SqliteLedger, tmp_path: Path
) -> None:
    await ledger.reserve(ask("r1"))
    ledger.settle(Settlement("r1", 42, LINE))
    ledger.settle(Settlement("r1", 42, LINE))
    await ledger.close()
    query = """SELECT request_id, key_id, tenant_id, provider, model, input_tokens, output_tokens,
        usage_source, reserved_nanousd, charged_nanousd, cost_nanousd, outcome FROM ledger_lines"""
    assert rows(tmp_path, query) == [
        ("r1", "k1", "t1", "demo", "echo", 7, 9, "provider", 100, 42, 42, "complete")
    ]
    assert rows(tmp_path, "SELECT * FROM budget_accounts") == [("key:k1", "total", 42, 0)]
    assert rows(tmp_path, "SELECT * FROM budget_holds") == []


async def test_a_line_without_usage_or_cost_keeps_them_unknown(
    ledger: SqliteLedger, tmp_path: Path
) -> None:
    ledger.settle(Settlement("r1", 0, LedgerLine("r1", "k1", "t1", "demo", "x", "failed")))
    await ledger.close()
    query = "SELECT input_tokens, usage_source, cost_nanousd FROM ledger_lines"
    assert rows(tmp_path, query) == [(None, None, None)]


async def test_a_lone_settlement_is_booked_without_waiting_for_company(
    ledger: SqliteLedger, tmp_path: Path
) -> None:
    ledger.settle(Settlement("r1", 0, LINE))
    for _ in range(500):
        if rows(tmp_path, "SELECT 1 FROM ledger_lines"):
            return
        await asyncio.sleep(0.01)
    pytest.fail("the settlement was never booked")


async def test_a_settlement_handed_in_after_a_cancelled_ask_finds_its_hold(
    ledger: SqliteLedger, tmp_path: Path
) -> None:
    tasks = [asyncio.create_task(ledger.reserve(ask(f"r{n}", 1))) for n in range(50)]
    await asyncio.sleep(0)
    for number, task in enumerate(tasks):
        task.cancel()
        ledger.settle(Settlement(f"r{number}"))
    await asyncio.gather(*tasks, return_exceptions=True)
    await ledger.close()
    assert rows(tmp_path, "SELECT held_nanousd FROM budget_accounts") == [(0,)]


async def test_a_locked_store_fails_the_asks_and_keeps_the_settlements(
    ledger: SqliteLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "LOCK_PATIENCE_S", 0.05)
    await ledger.reserve(ask("r1", 100))
    blocker = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    ledger.settle(Settlement("r1", 42, LINE))
    with pytest.raises(LedgerDown):
        await ledger.reserve(ask("r2"))
    blocker.execute("ROLLBACK")
    blocker.close()
    verdict = await ledger.reserve(ask("r3", 958, minimum=958))
    assert verdict == Granted(958, 0), "the settlement was booked before the ask"


async def test_one_entry_that_cannot_be_booked_does_not_stop_the_others(
    ledger: SqliteLedger, tmp_path: Path
) -> None:
    poison = LedgerLine("\ud800", "k1", "t1", "demo", "x", "complete")  # not encodable
    ledger.settle(Settlement("p", 0, poison))
    ledger.settle(Settlement("q", 0, LINE))
    bad = Ask("b", ACCOUNT, poison, 1000, 100, 1, 60.0)
    good, refused = await asyncio.gather(
        ledger.reserve(ask("r1")), ledger.reserve(bad), return_exceptions=True
    )
    await ledger.close()
    assert good == Granted(100, 900)
    assert isinstance(refused, LedgerDown)
    assert rows(tmp_path, "SELECT id FROM ledger_lines") == [("q",)]
    assert ledger.dropped_settlements == 1


async def test_a_file_that_cannot_be_opened_is_said_at_start(tmp_path: Path) -> None:
    with pytest.raises(LedgerDown, match="cannot be opened"):
        await SqliteLedger(tmp_path / "no" / "such" / "folder" / "state.db").open()


async def test_a_ledger_that_is_not_open_refuses(tmp_path: Path) -> None:
    with pytest.raises(LedgerDown):
        await SqliteLedger(tmp_path / "state.db").reserve(ask("r1"))


async def test_the_reaper_frees_what_nobody_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clerk, "REAP_INTERVAL_S", 0.01)
    now_s = [1000.0]
    opened = SqliteLedger(tmp_path / "state.db", clock=lambda: now_s[0])
    await opened.open()
    await opened.reserve(ask("r1", 1000))
    assert isinstance(await opened.reserve(ask("r2", 1000)), Denied)
    now_s[0] += 61.0
    for _ in range(500):
        await asyncio.sleep(0.01)
        if isinstance(await opened.reserve(ask("r3", 10, limit=1000)), Granted):
            break
    await opened.close()
    query = "SELECT id, outcome, cost_nanousd FROM ledger_lines"
    assert rows(tmp_path, query) == [("r1", "lost", None)]


async def test_a_full_disk_refuses_asks_and_keeps_settlements_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections: list[sqlite3.Connection] = []

    def connect_and_note(path: Path) -> sqlite3.Connection:
        connections.append(real_connect(path))
        return connections[-1]

    real_connect = tables.connect
    monkeypatch.setattr(tables, "connect", connect_and_note)
    ledger = SqliteLedger(tmp_path / "state.db")
    await ledger.open()
    await ledger.reserve(ask("r1", 100))
    (pages,) = connections[0].execute("PRAGMA page_count").fetchone()
    connections[0].execute(f"PRAGMA max_page_count = {pages}")
    long_line = LedgerLine("r", "k1", "t1", "demo", "m" * 50_000, "complete")
    ledger.settle(Settlement("r1", 42, long_line))
    with pytest.raises(LedgerDown, match="full"):
        await ledger.reserve(ask("r2"))
    connections[0].execute(f"PRAGMA max_page_count = {pages + 1000}")
    assert await ledger.reserve(ask("r3", 958, minimum=958)) == Granted(958, 0)
    await ledger.close()


async def test_a_flush_that_fails_is_no_end_of_the_ledger(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: int) -> None:
        raise OSError("I/O error")

    monkeypatch.setattr(flush.os, "fdatasync", failing)
    monkeypatch.setattr(flush, "INTERVAL_S", 0.0)
    for number in range(5):
        ledger.settle(Settlement(f"s{number}", 0, LINE))
        assert isinstance(await ledger.reserve(ask(f"r{number}", 1)), Granted)


async def test_what_waited_long_is_booked_in_portions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clerk, "CATCH_UP_SIZE", 10)
    monkeypatch.setattr(clerk, "RETRY_S", 0.001)
    monkeypatch.setattr(transaction, "LOCK_PATIENCE_S", 0.01)
    ledger = SqliteLedger(tmp_path / "state.db")
    await ledger.open()
    blocker = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    for number in range(95):
        ledger.settle(Settlement(f"s{number:02}", 0, LINE))
    with pytest.raises(LedgerDown):
        await ledger.reserve(ask("r1"))
    blocker.execute("ROLLBACK")
    blocker.close()
    for _ in range(500):
        await asyncio.sleep(0.01)
        if rows(tmp_path, "SELECT count(*) FROM ledger_lines") == [(95,)]:
            break
    await ledger.close()
    assert rows(tmp_path, "SELECT count(*) FROM ledger_lines") == [(95,)]
