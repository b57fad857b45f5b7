import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tollkeeper.supervisor.folder import take


def refused(folder: Path, *words: str, **environment: str) -> str:
    """Run ``up`` where it must end with one line on stderr and status 2."""
    done = subprocess.run(
        [sys.executable, "-m", "tollkeeper", "up", "--data", "data", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    return done.stderr.removeprefix("tollkeeper: ").strip()


def test_a_second_one_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    first = take(tmp_path / "data", print)
    said = refused(tmp_path)
    first.close()
    assert said.endswith("another 'tollkeeper up' is running on this data folder")


@pytest.mark.parametrize("flag", ["--proxy-port", "--otlp-grpc-port", "--dashboard-port"])
def test_a_taken_port_names_the_flag_that_changes_it(tmp_path: Path, flag: str) -> None:
    free = ("proxy", "otlp", "otlp-grpc", "sql", "dashboard")
    words = [word for name in free for word in (f"--{name}-port", "0")]
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = refused(tmp_path, *words, flag, str(port))
    assert said == f"port {port} is taken; choose another with {flag} (0 picks a free one)"


def test_a_mistake_in_anybodys_section_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("server: {port: 0}\ncollector:\n  otpl_port: 1\n")
    said = refused(tmp_path, "--config", "t.yaml")
    assert said.startswith("t.yaml:3: unknown field 'otpl_port'; did you mean 'otlp_port'?")
    assert not (tmp_path / "data").exists()


def test_a_missing_configuration_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, "--config", "none.yaml") == "none.yaml: no such configuration file"


def test_a_port_that_is_none_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, TOLLKEEPER_SQL_PORT="many")
    assert said == "TOLLKEEPER_SQL_PORT: expected a port from 0 to 65535"
