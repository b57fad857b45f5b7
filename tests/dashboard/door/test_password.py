"""The password: known by its hash, compared in constant time, replaced while we run."""

import json
from pathlib import Path

import pytest

from tollkeeper.supervisor import first_run
from tollkeeper_dashboard.door.password import Password, PasswordFile, PasswordUnusable

CHEAP_N = 2**10


def test_the_right_password_matches_and_no_other() -> None:
    password = Password.of("correct horse", n=CHEAP_N)
    assert password.matches("correct horse")
    for wrong in ("", "correct hors", "correct horse ", "Correct horse", "x" * 2_000):
        assert not password.matches(wrong)


def test_the_same_password_has_another_hash_each_time() -> None:
    first, second = (Password.of("correct horse", n=CHEAP_N) for _ in range(2))
    assert first.digest != second.digest
    assert first.fingerprint != second.fingerprint


def test_a_file_says_all_that_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "dashboard.password"
    path.write_text(Password.of("correct horse", n=CHEAP_N).text())
    assert set(json.loads(path.read_text())) == {"salt", "n", "r", "p", "hash"}
    assert Password.read(path).matches("correct horse")
    assert "correct" not in path.read_text()


def test_what_the_first_run_writes_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "dashboard.password"
    path.write_text(first_run.hashed("made by the supervisor"))
    assert Password.read(path).matches("made by the supervisor")


def test_a_missing_file_lets_nobody_in(tmp_path: Path) -> None:
    with pytest.raises(PasswordUnusable, match="no password yet"):
        PasswordFile(tmp_path / "none").current()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "hunter2hunter2", '{"salt": "zz", "n": 1, "r": 1, "p": 1, "hash": ""}']
)
def test_a_damaged_file_lets_nobody_in(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dashboard.password"
    path.write_text(text)
    with pytest.raises(PasswordUnusable, match="damaged"):
        PasswordFile(path).current()


def test_an_empty_hash_matches_nothing() -> None:
    assert not Password(b"salt", CHEAP_N, 8, 1, b"").matches("")


def test_a_new_file_counts_at_once(tmp_path: Path) -> None:
    path = tmp_path / "dashboard.password"
    file = PasswordFile(path)
    path.write_text(Password.of("first password", n=CHEAP_N).text())
    first = file.current()
    path.write_text(Password.of("second password", n=CHEAP_N).text())
    assert file.current().matches("second password")
    assert file.current().fingerprint != first.fingerprint


def test_a_plain_secret_is_hashed_once_where_it_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("a secret of a container\n")
    file = PasswordFile(path, plain_allowed=True)
    assert file.current().matches("a secret of a container")
    assert file.current() is file.current()


def test_a_short_plain_secret_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("admin")
    with pytest.raises(PasswordUnusable, match="shorter than 12"):
        PasswordFile(path, plain_allowed=True).current()
