"""The decision at the door, whatever stands in front of it."""

from pathlib import Path

import pytest
from tests.dashboard.door.test_attempts import Clock

from tollkeeper_dashboard.door.attempts import FREE_ATTEMPTS, Attempts
from tollkeeper_dashboard.door.entrance import Entrance, Locked, Shut, Welcome, Wrong
from tollkeeper_dashboard.door.password import Password, PasswordFile
from tollkeeper_dashboard.door.sessions import Sessions

RIGHT = "correct horse battery"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def entrance(tmp_path: Path, clock: Clock) -> Entrance:
    path = tmp_path / "dashboard.password"
    path.write_text(Password.of(RIGHT, n=2**10).text())
    return Entrance(PasswordFile(path), Attempts(clock), Sessions(clock, 3_600))


def test_the_right_password_is_welcome_and_its_token_known(entrance: Entrance) -> None:
    result = entrance.enter(RIGHT, "a")
    assert isinstance(result, Welcome)
    assert entrance.visitor(result.token) is not None


def test_a_wrong_one_is_told_how_long_to_wait(entrance: Entrance) -> None:
    results = [entrance.enter("wrong", "a") for _ in range(FREE_ATTEMPTS)]
    assert results == [Wrong(0)] * (FREE_ATTEMPTS - 1) + [Wrong(2)]


def test_while_locked_even_the_right_password_is_not_looked_at(
    entrance: Entrance, clock: Clock
) -> None:
    for _ in range(FREE_ATTEMPTS):
        entrance.enter("wrong", "a")
    assert entrance.enter(RIGHT, "a") == Locked(2)
    assert isinstance(entrance.enter(RIGHT, "b"), Welcome)
    clock.now += 2
    assert isinstance(entrance.enter(RIGHT, "a"), Welcome)


def test_without_a_password_nobody_enters_and_nobody_is_inside(
    entrance: Entrance, tmp_path: Path
) -> None:
    result = entrance.enter(RIGHT, "a")
    assert isinstance(result, Welcome)
    (tmp_path / "dashboard.password").unlink()
    assert entrance.enter(RIGHT, "a") == Shut("there is no password yet")
    assert entrance.visitor(result.token) is None
    assert entrance.shut_because() == "there is no password yet"


def test_nobody_is_nobody(entrance: Entrance) -> None:
    assert entrance.visitor("") is None
    assert entrance.visitor("guess") is None
    assert entrance.shut_because() == ""
