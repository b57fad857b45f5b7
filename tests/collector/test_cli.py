import subprocess
import sys

import pytest


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("program", [["tollkeeper", "collector"], ["tollkeeper_collector"]])
def test_help_names_every_flag(program: list[str]) -> None:
    told = run(*program, "--help")
    assert told.returncode == 0
    for flag in ("--config", "--data", "--otlp-port", "--otlp-grpc-port", "--sql-port"):
        assert flag in told.stdout


def test_a_flag_nobody_knows_is_one_line_and_two() -> None:
    told = run("tollkeeper_collector", "--otlp-prot", "0")
    assert told.returncode == 2
    assert len(told.stderr.splitlines()) == 1
