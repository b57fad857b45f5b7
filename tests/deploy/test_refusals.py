"""What the documents say is refused is refused, at start-up, in one line that names the place."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.equipment.stack import clean_environment


def start_proxy(folder: Path, configuration: str) -> subprocess.CompletedProcess[str]:
    (folder / "tollkeeper.yaml").write_text(configuration)
    return subprocess.run(
        [sys.executable, "-m", "tollkeeper", "proxy", "--data", "data", "--proxy-port", "0"],
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean_environment({}),
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("configuration", "told"),
    [
        ('state: {url: "redis://127.0.0.1:6379/0"}\n', "state.url"),
        ("teams: {search: {budgets: []}}\n", "unknown field 'teams'"),
        ('control: {url: "mysql://keys"}\n', "control.url"),
        ("providers: {lab: {dialect: anthropic}}\n", "dialect"),
        ("server: {prot: 4000}\n", "did you mean 'port'"),
    ],
)
def test_what_is_not_there_yet_is_refused_and_not_passed_over(
    tmp_path: Path, configuration: str, told: str
) -> None:
    done = start_proxy(tmp_path, configuration)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
