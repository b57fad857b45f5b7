"""One dashboard's life: settings read, port bound, readiness told, pages served, then closed."""

import asyncio
import importlib
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import uvicorn
from streamlit import config as streamlit_options
from streamlit.starlette import App

from tollkeeper.config import Environment, Flags, Places, read_settings
from tollkeeper.errors import ConfigError
from tollkeeper.logs import Log, open_log
from tollkeeper.readiness import report_ready
from tollkeeper_dashboard.client import SqlClient
from tollkeeper_dashboard.door.attempts import Attempts
from tollkeeper_dashboard.door.doorway import LOOPBACK_NAMES, DoorSettings, Doorway
from tollkeeper_dashboard.door.entrance import Entrance
from tollkeeper_dashboard.door.password import PasswordFile
from tollkeeper_dashboard.door.sessions import Sessions
from tollkeeper_dashboard.served import SERVING, Served
from tollkeeper_dashboard.settings import DashboardSection, DashboardSettings

PASSWORD_FILE: Final = "dashboard.password"
PASSWORD_VARIABLE: Final = "TOLLKEEPER_DASHBOARD_PASSWORD_FILE"
SYSTEM_KEY_VARIABLE: Final = "TOLLKEEPER_SYSTEM_KEY"
SCRIPT: Final = Path(__file__).with_name("app.py")
CLOSING_S: Final = 3
POLL_S: Final = 0.02
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

# Streamlit as a part of a product: it tells nobody, watches nothing, explains no internals.
OPTIONS: Final[dict[str, object]] = {
    "browser.gatherUsageStats": False,
    "client.disableDataExport": True,  # exports are the export's work, with their own guards
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "global.developmentMode": False,
    "global.suppressDeprecationWarnings": True,
    "logger.level": "error",
    "runner.magicEnabled": False,
    "server.enableAgentApi": False,
    "server.enableCORS": True,
    "server.enableStaticServing": False,
    "server.enableXsrfProtection": True,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.maxUploadSize": 1,
    "server.runOnSave": False,
    "server.showEmailPrompt": False,
    "theme.light.primaryColor": "#1f5fbf",
    "theme.dark.primaryColor": "#6ea8fe",
}


def run_dashboard(environment: Environment, flags: Flags) -> None:
    """Serve until SIGTERM or SIGINT; raises ConfigError before anything is bound."""
    settings, places = read_settings(DashboardSettings, environment, flags=flags)
    section = settings.dashboard
    log = open_log("dashboard")
    client = sql_client(section, places, environment)
    listener = _bind(section.host, section.port)
    port = listener.getsockname()[1]
    try:
        served = Served(
            client,
            entrance(section, places, environment),
            f"tollkeeper-{port}",
            proxy_port=places.ports["proxy"],
        )
        SERVING.what = served
        server = _server(Doorway(_streamlit(port), served.entrance, _door(section, places, served)))
        asyncio.run(_serve(server, listener, places, log))
    finally:
        client.close()
        log.close()


def entrance(section: DashboardSection, places: Places, environment: Environment) -> Entrance:
    """Return the door's parts for these settings."""
    named = environment.get(PASSWORD_VARIABLE)
    file = PasswordFile(Path(named), plain_allowed=True) if named else password_file(places.data)
    lifetime_s = section.session_hours * 3_600
    return Entrance(file, Attempts(time.monotonic), Sessions(time.monotonic, lifetime_s))


def password_file(data: Path) -> PasswordFile:
    return PasswordFile(data / PASSWORD_FILE)


def sql_client(section: DashboardSection, places: Places, environment: Environment) -> SqlClient:
    """Return who answers SQL; raises ConfigError for an address that is none."""
    url = urlsplit(section.sql_url or f"http://127.0.0.1:{places.ports['sql']}")
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ConfigError("dashboard.sql_url: expected http://host:port")
    key = environment.get(SYSTEM_KEY_VARIABLE) or ""
    return SqlClient(url.hostname, url.port or 8123, key, secure=url.scheme == "https")


def _door(section: DashboardSection, places: Places, served: Served) -> DoorSettings:
    hosts = tuple(name.lower() for name in section.hosts)
    if not hosts and section.host in LOOPBACK:
        hosts = LOOPBACK_NAMES
    return DoorSettings(
        cookie=served.cookie,
        lifetime_s=int(section.session_hours * 3_600),
        hosts=hosts,
        secure=section.https,
        data=str(places.data),
    )


def _streamlit(port: int) -> App:
    for name, value in OPTIONS.items():
        streamlit_options.set_option(name, value)
    streamlit_options.set_option("server.port", port)
    return App(SCRIPT)


def _server(app: Doorway) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,  # an address a client names itself is no address
            server_header=False,
            lifespan="on",
            ws="websockets-sansio",  # as Streamlit itself runs it
            ws_max_size=2**20,
            timeout_graceful_shutdown=CLOSING_S,
        )
    )


async def _serve(server: uvicorn.Server, listener: socket.socket, places: Places, log: Log) -> None:
    # uvicorn ends on a signal, then raises it again: it has done its work by then.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(POLL_S)
    if server.started:
        port = listener.getsockname()[1]
        report_ready(places.data, "dashboard", {"dashboard": port})
        log.info("ready", port=port)
        threading.Thread(target=_warm, name="warm", daemon=True).start()
    await serving
    log.info("stopped")


def _warm() -> None:
    """Load what the first page needs, a second of imports, while nobody waits for it."""
    for name in ("pandas", "tollkeeper_dashboard.frame"):
        importlib.import_module(name)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as failure:
        listener.close()
        raise ConfigError(f"dashboard.port: {host}:{port}: {failure.strerror}") from None
    listener.setblocking(False)
    return listener
