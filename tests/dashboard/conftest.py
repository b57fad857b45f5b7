"""Fixtures of the dashboard's tests: a book over HTTP, and the pages as Streamlit runs them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from tests.dashboard.reading_room import ReadingRoom

from tollkeeper_dashboard import served as serving
from tollkeeper_dashboard.client import SqlClient
from tollkeeper_dashboard.door.attempts import Attempts
from tollkeeper_dashboard.door.entrance import Entrance
from tollkeeper_dashboard.door.password import PasswordFile
from tollkeeper_dashboard.door.sessions import Session, Sessions
from tollkeeper_dashboard.served import SERVING, Served

SCRIPT = Path(serving.__file__).with_name("app.py")


class OpenDoor(Entrance):
    """Takes every visitor for one who signed in: Streamlit's test client has no cookies."""

    def visitor(self, token: str) -> Session | None:
        return Session("tests", "", float("inf"))


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadingRoom]:
    with ReadingRoom(tmp_path_factory.mktemp("book")) as room:
        yield room


@pytest.fixture
def room(library: ReadingRoom) -> ReadingRoom:
    """An empty book."""
    library.clear()
    return library


@pytest.fixture
def store(room: ReadingRoom) -> Iterator[SqlClient]:
    client = room.client()
    yield client
    client.close()


@pytest.fixture
def now() -> datetime:
    """The end of the hour before last: recent, because what is old is dropped, and round."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)


@pytest.fixture
def pages(store: SqlClient, now: datetime, tmp_path: Path) -> Iterator[Callable[..., AppTest]]:
    """Run a page: ``pages(path="overview", trace=...)``, keywords are the address's parameters."""
    door = OpenDoor(PasswordFile(tmp_path / "none"), Attempts(float), Sessions(float, 1))
    SERVING.what = Served(store, door, "cookie", proxy_port=4000)
    SERVING.now_s = now.timestamp

    def run(**parameters: str) -> AppTest:
        page = AppTest.from_file(str(SCRIPT), default_timeout=60)
        for name, value in parameters.items():
            page.query_params[name] = value
        return page.run()

    yield run
    SERVING.what = SERVING.now_s = None
