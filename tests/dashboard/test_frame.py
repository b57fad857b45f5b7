"""Around every page: nobody sees anything before the door, and a store that is away is a banner."""

import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from tests.dashboard.conftest import SCRIPT, OpenDoor

from tollkeeper_dashboard.client import Parameters, Row, SqlClient, StoreRefused
from tollkeeper_dashboard.door.attempts import Attempts
from tollkeeper_dashboard.door.entrance import Entrance
from tollkeeper_dashboard.door.password import Password, PasswordFile
from tollkeeper_dashboard.door.sessions import Sessions
from tollkeeper_dashboard.served import SERVING, Served


class Asked:
    """A store that notes what it is asked and answers with a refusal."""

    def __init__(self) -> None:
        self.questions: list[str] = []

    def rows(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        self.questions.append(sql)
        raise StoreRefused("this would take more time than one answer may take")


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    yield
    SERVING.what = None


def page() -> AppTest:
    return AppTest.from_file(str(SCRIPT), default_timeout=60).run()


def test_without_a_session_nothing_is_asked_and_nothing_shown(tmp_path: Path) -> None:
    file = tmp_path / "dashboard.password"
    file.write_text(Password.of("correct horse", n=2**10).text())
    store = Asked()
    door = Entrance(PasswordFile(file), Attempts(float), Sessions(float, 60))
    SERVING.what = Served(store, door, "cookie")
    shown = page()
    assert shown.warning[0].value == "You are signed out. Reload the page to sign in."
    assert not shown.title
    assert not shown.metric
    assert store.questions == []


def test_a_script_that_is_run_alone_says_so() -> None:
    shown = page()
    assert "tollkeeper dashboard" in shown.error[0].value
    assert not shown.title


def test_a_store_that_is_away_is_a_banner_without_address_or_traceback(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    door = OpenDoor(PasswordFile(tmp_path / "none"), Attempts(float), Sessions(float, 60))
    SERVING.what = Served(SqlClient("127.0.0.1", port, "tk-secret"), door, "cookie")
    shown = page()
    assert not shown.exception
    assert shown.error[0].value.startswith("The store cannot be reached: nobody answers.")
    assert str(port) not in str(shown.error[0].value)
    assert "tk-secret" not in str(shown.error[0].value)


def test_a_refused_question_is_said_with_what_to_do(tmp_path: Path) -> None:
    door = OpenDoor(PasswordFile(tmp_path / "none"), Attempts(float), Sessions(float, 60))
    SERVING.what = Served(Asked(), door, "cookie")
    shown = page()
    assert not shown.exception
    assert "more time than one answer may take" in shown.warning[0].value


def test_signing_out_ends_the_session(pages: Callable[..., AppTest]) -> None:
    assert SERVING.what is not None
    sessions = SERVING.what.entrance.sessions
    closed: list[str] = []
    sessions.close = closed.append  # type: ignore[method-assign]  # watched, not replaced in kind
    shown = pages()
    shown.button(key="sign-out").click().run()
    assert closed == [""]
