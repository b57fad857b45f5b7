"""The verb as a command: what it says of itself, and how it says that it cannot start."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.equipment.canary import CANARY
from tests.equipment.stack import clean_environment


def run(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=folder,
        env=clean_environment({}),
    )


def start(folder: Path, configuration: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run the proxy with this file; it is expected to end by itself."""
    (folder / "tollkeeper.yaml").write_text(configuration)
    places = ["--config", "tollkeeper.yaml", "--data", "data", "--proxy-port", "0"]
    return run("tollkeeper_proxy", *places, *flags, folder=folder)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("program", [["tollkeeper", "proxy"], ["tollkeeper_proxy"]])
def test_help_names_every_flag(program: list[str]) -> None:
    told = run(*program, "--help")
    assert told.returncode == 0
    for flag in ("--config", "--data", "--proxy-port"):
        assert flag in told.stdout


def test_a_flag_nobody_knows_is_one_line_and_two() -> None:
    told = run("tollkeeper_proxy", "--proxy-prot", "0")
    assert told.returncode == 2
    assert len(told.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ("serber: {port: 0}", "server"),
        ("server: {host: 203.0.113.1}", "203.0.113.1"),  # an example's address, never ours
        ("models: {fast: {targets: [{model: nowhere/x}]}}", "models.fast"),
        (f"providers: {{lab: {{api_key: {CANARY}, base_url: 'http://h:99999'}}}}", "base_url"),
    ],
)
def test_what_it_cannot_start_with_is_one_line_and_two(
    tmp_path: Path, configuration: str, said: str
) -> None:
    told = start(tmp_path, configuration)
    assert told.returncode == 2, told.stderr
    (line,) = told.stderr.splitlines()
    assert line.startswith("tollkeeper: ")
    assert said in line
    assert CANARY not in line
    assert not (tmp_path / "data" / "run" / "proxy-0.json").exists()


def test_a_port_that_is_taken_is_one_line_and_two(tmp_path: Path, taken_port: int) -> None:
    told = start(tmp_path, "server: {}", "--proxy-port", str(taken_port))
    assert told.returncode == 2, told.stderr
    (line,) = [line for line in told.stderr.splitlines() if line.startswith("tollkeeper: ")]
    assert str(taken_port) in line
    assert "Traceback" not in told.stderr


def test_a_key_store_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    told = start(tmp_path, "control: {url: 'postgresql://tk:sesame@127.0.0.1:9/tk'}")
    assert told.returncode == 1, told.stderr
    assert "Traceback" not in told.stderr
    assert "sesame" not in told.stderr
