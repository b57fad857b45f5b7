"""The dashboard as a process: it says when it serves, lets nobody past, and ends when told."""

import http.client
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets.exceptions
import websockets.sync.client
from streamlit import config as streamlit_options
from tests.dashboard.reading_room import ReadingRoom
from tests.dashboard.running import PASSWORD, RunningDashboard

from tollkeeper.config import Environment, Flags, read_settings
from tollkeeper.errors import ConfigError
from tollkeeper_dashboard import serving
from tollkeeper_dashboard.settings import DashboardSection, DashboardSettings


@pytest.fixture(scope="module")
def running(
    library: ReadingRoom, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningDashboard]:
    with RunningDashboard(tmp_path_factory.mktemp("dashboard"), library.port) as dashboard:
        yield dashboard


def get(port: int, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


EVERY_ROUTE = [
    "/", "/overview", "/traces", "/_stcore/health", "/_stcore/host-config", "/_stcore/metrics",
    "/_stcore/script-health-check", "/_stcore/stream", "/_stcore/upload_file/a/b",
    "/_stcore/agent/openapi.json", "/_stcore/agent/mcp", "/media/a.png", "/component/a/b",
    "/static/js/index.js", "/app/static/x", "/favicon.png", "/auth/login", "/oauth2callback",
]  # fmt: skip


@pytest.mark.parametrize("path", EVERY_ROUTE)
def test_no_route_answers_without_a_session(running: RunningDashboard, path: str) -> None:
    assert get(running.port, path).status == 401
    assert get(running.port, path, Accept="text/html").status == 303


def test_a_websocket_is_refused_without_a_session(running: RunningDashboard) -> None:
    url = f"ws://127.0.0.1:{running.port}/_stcore/stream"
    with (
        pytest.raises(websockets.exceptions.InvalidStatus) as refused,
        websockets.sync.client.connect(url, proxy=None),
    ):
        pass
    assert refused.value.response.status_code == 403


def test_a_session_opens_pages_files_and_the_websocket(running: RunningDashboard) -> None:
    cookie = running.sign_in()
    assert get(running.port, "/", Accept="text/html", Cookie=cookie).status == 200
    assert get(running.port, "/_stcore/health", Cookie=cookie).status == 200
    url = f"ws://127.0.0.1:{running.port}/_stcore/stream"
    headers = {"Cookie": cookie}
    with websockets.sync.client.connect(url, additional_headers=headers, proxy=None):
        pass
    with (
        pytest.raises(websockets.exceptions.InvalidStatus),
        websockets.sync.client.connect(
            url, additional_headers=headers, origin="https://evil.example", proxy=None
        ),
    ):
        pass


def test_it_listens_on_loopback_only(running: RunningDashboard) -> None:
    assert get(running.port, "/livez").status == 200
    own = socket.gethostbyname(socket.gethostname())
    if not own.startswith("127."):
        with pytest.raises(OSError, match=r".*"):
            socket.create_connection((own, running.port), timeout=2)


def test_a_terminated_dashboard_ends_well(
    library: ReadingRoom, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with RunningDashboard(tmp_path_factory.mktemp("ending"), library.port) as dashboard:
        cookie = dashboard.sign_in()
        url = f"ws://127.0.0.1:{dashboard.port}/_stcore/stream"
        with websockets.sync.client.connect(url, additional_headers={"Cookie": cookie}, proxy=None):
            assert dashboard.end(signal.SIGTERM) == 0
        assert '"event": "stopped"' in dashboard.log()
        assert PASSWORD not in dashboard.log()
        assert "Traceback" not in dashboard.log()


def test_a_port_in_use_is_one_line(library: ReadingRoom, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        dashboard = RunningDashboard(tmp_path, library.port, port=taken.getsockname()[1])
        assert dashboard.run_to_its_end() == 2
    (line,) = dashboard.log().strip().splitlines()
    assert "dashboard.port" in line


def settings(**section: object) -> DashboardSection:
    return DashboardSettings.model_validate({"dashboard": section}).dashboard


def test_the_password_file_may_be_named(tmp_path: Path) -> None:
    named = tmp_path / "secret"
    named.write_text("a secret of a container\n")
    environment = Environment({serving.PASSWORD_VARIABLE: str(named)})
    _, places = read_settings(DashboardSettings, environment, flags=Flags(data=tmp_path))
    assert serving.entrance(settings(), places, environment).shut_because() == ""
    unnamed = serving.entrance(settings(), places, Environment())
    assert unnamed.shut_because() == "there is no password yet"


@pytest.mark.parametrize("url", ["collector:8123", "chdb:///data", "http://", "ftp://a"])
def test_an_address_of_sql_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    _, places = read_settings(DashboardSettings, Environment(), flags=Flags(data=tmp_path))
    with pytest.raises(ConfigError, match=r"dashboard\.sql_url"):
        serving.sql_client(settings(sql_url=url), places, Environment())


def test_every_option_we_set_is_one_streamlit_has() -> None:
    for name in serving.OPTIONS:
        streamlit_options.get_option(name)


def test_what_tells_others_is_off() -> None:
    assert serving.OPTIONS["browser.gatherUsageStats"] is False
    assert serving.OPTIONS["server.enableXsrfProtection"] is True
    assert serving.OPTIONS["server.enableCORS"] is True
    assert serving.OPTIONS["server.fileWatcherType"] == "none"
    assert serving.OPTIONS["client.showErrorDetails"] == "none"


def test_many_wrong_passwords_at_once_do_not_stop_the_pages(running: RunningDashboard) -> None:
    cookie = running.sign_in()
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(running.try_password("wrong")))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    assert get(running.port, "/_stcore/health", Cookie=cookie).status == 200
    for thread in threads:
        thread.join()
    assert set(statuses) <= {401, 429}
    assert 429 in statuses
