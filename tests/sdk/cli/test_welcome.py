import shlex
from pathlib import Path

import pytest
from rich.table import Table

from tollkeeper.cli import welcome
from tollkeeper.cli.output import show_table
from tollkeeper.supervisor.first_run import Secrets

PORTS = {"proxy": 1, "otlp": 2, "otlp_grpc": 3, "sql": 4, "dashboard": 5}


def shown(capsys: pytest.CaptureFixture[str], table: Table) -> str:
    show_table(table)
    return capsys.readouterr().out


def test_the_table_says_what_runs_where_and_the_password_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hosts = {"proxy": "0.0.0.0", "dashboard": "::1", "sql": "192.0.2.1"}
    table = welcome.table(PORTS, hosts, Path("/d"), Secrets(password="[b]once"))
    text = shown(capsys, table)
    for where in (
        "http://127.0.0.1:1/v1",
        "http://127.0.0.1:2",
        "http://127.0.0.1:3",
        "http://192.0.2.1:4",
        "http://[::1]:5",
    ):
        assert where in text
    assert "[b]once  (shown this once)" in text
    later = welcome.table(PORTS, {}, Path("/d"), Secrets())
    assert "password" not in shown(capsys, later)


def test_only_what_runs_is_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, welcome.table({"sql": 4}, {}, Path("/d"), Secrets()))
    assert "SQL" in text
    assert "dashboard" not in text


def test_the_example_is_one_command_with_the_key_of_the_first_run() -> None:
    words = shlex.split(welcome.example(PORTS, {}, Secrets(key="tk-first")))
    assert words[:2] == ["curl", "http://127.0.0.1:1/v1/chat/completions"]
    assert "Authorization: Bearer tk-first" in words
    assert '"demo/echo"' in words[-1]


def test_later_the_key_is_the_readers_to_fill_in() -> None:
    assert "Bearer $TOLLKEEPER_API_KEY" in welcome.example(PORTS, {}, Secrets())


def test_without_a_proxy_there_is_nothing_to_try() -> None:
    assert welcome.example({"sql": 4}, {}, Secrets()) == ""
