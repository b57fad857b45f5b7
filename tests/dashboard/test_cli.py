"""The verb: a new password is shown once and kept as a hash."""

import stat
import subprocess
import sys
from pathlib import Path

from tollkeeper_dashboard.cli import make_password
from tollkeeper_dashboard.door.password import Password


def test_a_new_password_opens_and_its_file_is_the_owners_alone(tmp_path: Path) -> None:
    plain = make_password(tmp_path / "new")
    path = tmp_path / "new" / "dashboard.password"
    assert Password.read(path).matches(plain)
    assert plain not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_one_replaces_it(tmp_path: Path) -> None:
    first, second = make_password(tmp_path), make_password(tmp_path)
    password = Password.read(tmp_path / "dashboard.password")
    assert password.matches(second)
    assert not password.matches(first)


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tollkeeper_dashboard", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_verb_shows_it_alone(tmp_path: Path) -> None:
    done = run("--new-password", "--data", str(tmp_path), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Password.read(tmp_path / "dashboard.password").matches(done.stdout.strip())


def test_a_mistake_in_the_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "tollkeeper.yaml").write_text("dashboard:\n  prot: 1\n")
    done = run("--data", str(tmp_path), folder=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "tollkeeper.yaml:2" in line
    assert "port" in line
