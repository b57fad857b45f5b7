"""Tables are made once, the same by anybody, and nobody edits what has been applied."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.collector.conftest import MAKE_TABLES, ServerProcess

from tollkeeper.errors import ConfigError
from tollkeeper_collector.migrations.retention import Retention
from tollkeeper_collector.migrations.runner import Migration, migrate, pending, shipped
from tollkeeper_collector.store import StoreUnavailable
from tollkeeper_collector.store.opening import Engine, open_engine
from tollkeeper_collector.store.tenancy import NO_TENANT, POLICED, TENANT_COLUMN, VIEW_COLUMN

ONE = Migration(1, "0001_one.sql", "CREATE TABLE otel.one (a Int8) ENGINE = Memory;")
TWO = Migration(2, "0002_two.sql", "SELECT 1;\n\nSELECT ';' AS semicolon;\n")


def test_shipped_files_are_numbered_without_gaps() -> None:
    assert [m.number for m in shipped()] == list(range(1, len(shipped()) + 1))
    assert all(m.statements for m in shipped())


def test_takes_statements_apart_at_line_ends_only() -> None:
    assert TWO.statements == ["SELECT 1", "SELECT ';' AS semicolon"]


def test_runs_only_what_has_not_run() -> None:
    assert list(pending([ONE, TWO], {})) == [ONE, TWO]
    assert list(pending([ONE, TWO], {1: ONE.checksum})) == [TWO]
    assert list(pending([ONE, TWO], {1: ONE.checksum, 2: TWO.checksum})) == []


def test_refuses_an_applied_file_that_was_changed() -> None:
    with pytest.raises(ConfigError, match="0001_one"):
        list(pending([ONE, TWO], {1: "another checksum"}))


def test_refuses_a_store_that_is_newer_than_we_are() -> None:
    with pytest.raises(ConfigError, match="later version"):
        list(pending([ONE], {1: ONE.checksum, 2: "later"}))


def test_does_nothing_the_second_time_in_either_shape(engine: Engine) -> None:
    assert migrate(engine) == []


def test_every_table_is_under_a_policy_and_every_policed_table_exists(engine: Engine) -> None:
    client = engine.client()
    rows = client.query("SELECT name FROM system.tables WHERE database = 'otel'").result_rows
    assert {row[0] for row in rows} == set(POLICED)
    for table, column in {**TENANT_COLUMN, **VIEW_COLUMN}.items():
        told = f"SELECT count() FROM system.columns WHERE table = '{table}' AND name = '{column}'"
        assert client.command(told) == 1
    client.close()
    stranger = engine.client({"log_comment": "nobody", "readonly": 1}, "otel")
    assert stranger.command(f"SELECT count() FROM {NO_TENANT[0]}") == 0
    stranger.close()


def test_sets_how_long_rows_are_kept_and_changes_it_back(engine: Engine) -> None:
    told = "SELECT create_table_query FROM system.tables WHERE name = 'llm_content'"
    for days in (3, 14):
        migrate(engine, Retention(content_days=days))
        client = engine.client()
        assert f"toIntervalDay({days})" in str(client.command(told))
        client.close()


def test_many_collectors_may_start_at_once(server: ServerProcess) -> None:
    engine = open_engine(server.url)
    client = engine.client()
    client.command("DROP DATABASE otel SYNC")
    client.close()
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: migrate(engine), range(4)))
    assert max(map(len, done)) == len(shipped())
    assert migrate(engine) == []


def test_goes_on_after_a_start_that_was_killed_halfway(server: ServerProcess) -> None:
    engine = open_engine(server.url)
    client = engine.client()
    client.command("DROP DATABASE otel SYNC")
    client.command("CREATE DATABASE otel")
    for statement in shipped()[0].statements[:2]:  # made, and not yet noted as applied
        client.command(statement)
    client.close()
    assert len(migrate(engine)) == len(shipped())


def test_says_in_one_line_that_another_process_has_the_folder(tmp_path: Path) -> None:
    url = f"chdb://{tmp_path / 'store'}"
    subprocess.run([sys.executable, "-c", MAKE_TABLES, url], check=True)
    holder = "import sys\nfrom tollkeeper_collector.store.opening import open_engine\n"
    holder += (
        "client = open_engine(sys.argv[1]).client()\nprint('open', flush=True)\nsys.stdin.read()"
    )
    command = [sys.executable, "-c", holder, url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        second = subprocess.run(
            [sys.executable, "-c", MAKE_TABLES, url], capture_output=True, text=True, check=False
        )
        process.communicate()
    last = second.stderr.splitlines()[-1]
    assert last.endswith(f"storage {url}: process {process.pid} has this folder open")


def test_a_server_that_is_away_is_worth_waiting_for() -> None:
    with pytest.raises(StoreUnavailable):
        migrate(open_engine("clickhouse://127.0.0.1:9"))
