import io
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from tests.collector.memory_store import MemoryStore

from tollkeeper.logs import Log
from tollkeeper_collector.dead_letters import DeadLetters
from tollkeeper_collector.inserter import Inserter
from tollkeeper_collector.journal import Entry, Journal
from tollkeeper_collector.probes import Probes
from tollkeeper_collector.receiver.intake import Intake
from tollkeeper_collector.rows import Rules
from tollkeeper_collector.tally import Tally


@pytest.fixture
async def probes(tmp_path: Path) -> AsyncIterator[Probes]:
    journal, tally, log = Journal(tmp_path / "journal"), Tally(), Log("tests", io.StringIO())
    intake = Intake(journal, tally, Rules())
    inserter = Inserter(
        journal,
        MemoryStore(),
        dead_letters=DeadLetters(tmp_path / "dead-letter"),
        tally=tally,
        log=log,
        prepare=lambda: None,
    )
    yield Probes(intake, journal, inserter, tally, Counter({200: 3}), 1000)
    journal.close()
    intake.close()
    log.close()


async def test_it_lives_and_is_ready(probes: Probes) -> None:
    assert (await probes.livez()).status == 200
    assert (await probes.readyz()).status == 200


async def test_it_is_not_ready_when_it_leaves_or_its_journal_is_full(probes: Probes) -> None:
    probes.draining = True
    assert (await probes.readyz()).status == 503
    probes.draining = False
    probes.journal.append(Entry(0, 1, bytes(16), bytes(2000))).result(timeout=10)
    assert (await probes.readyz()).status == 503
    assert (await probes.livez()).status == 200


async def test_a_store_that_is_away_is_no_reason_to_send_telemetry_elsewhere(
    probes: Probes,
) -> None:
    probes.inserter.store_down_since_s = 0.0
    assert (await probes.readyz()).status == 200
    health = await probes.healthz()
    assert health.status == 503
    assert isinstance(health.body, bytes)
    assert orjson.loads(health.body)["store"] == "unavailable"


async def test_metrics_tell_what_the_parts_count(probes: Probes) -> None:
    probes.tally.add("accepted", "traces", 5)
    page = (await probes.metrics()).body
    assert isinstance(page, bytes)
    assert b'tollkeeper_collector_accepted_records_total{signal="traces"} 5\n' in page
    assert b'tollkeeper_collector_requests_total{status="200"} 3\n' in page
    assert b"tollkeeper_collector_store_up 1\n" in page
