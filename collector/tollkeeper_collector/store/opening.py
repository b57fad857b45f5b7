"""A storage URL in, an engine out that hands out clients: the one place that knows both shapes.

``chdb:///folder`` runs ClickHouse inside this process; ``clickhouse://user:pass@host:port`` (also
``clickhouses://``, ``http://``, ``https://``) talks to a server. Above this file they are the same.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from clickhouse_connect import get_client
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error

from tollkeeper.errors import ConfigError
from tollkeeper_collector.store import StoreUnavailable
from tollkeeper_collector.store.failure import first_line
from tollkeeper_collector.store.lock import holder
from tollkeeper_collector.store.tenancy import (
    ALL_TENANTS,
    DATABASE,
    TENANT_SETTING,
    embedded_users,
)

Settings = Mapping[str, str | int]
Connect = Callable[[Settings, str], Client]

SECURE: Final = ("clickhouses", "https")
PLAIN: Final = ("clickhouse", "http")
CONNECT_TIMEOUT_S: Final = 10
USERS_FILE: Final = "tollkeeper-users.xml"
TRUSTED: Final[Settings] = {TENANT_SETTING: ALL_TENANTS}


@dataclass(frozen=True, slots=True)
class Engine:
    """ClickHouse behind a URL; each client it hands out may be used by one thread at a time."""

    shown_url: str  # without the password
    embedded: bool
    _connect: Connect

    def client(self, settings: Settings = TRUSTED, database: str = "default") -> Client:
        """Return a new client with these settings for good; StoreUnavailable when it cannot."""
        try:
            return self._connect(settings, database)
        except (Error, OSError) as failure:
            raise StoreUnavailable(f"storage {self.shown_url}: {first_line(failure)}") from failure


def open_engine(url: str, *, timeout_s: int = 300) -> Engine:
    """Return the engine a storage URL names; ConfigError when it names none. Nothing is asked yet.

    ``timeout_s`` bounds one statement sent to a server; the embedded engine has its own limits.
    """
    parts = urlsplit(url)
    if parts.scheme == "chdb":
        return _embedded(parts)
    if parts.scheme in (*SECURE, *PLAIN) and parts.hostname:
        return _server(parts, timeout_s)
    raise ConfigError(
        "storage.url: neither chdb:///folder nor clickhouse://user:password@host:port"
    )


def _embedded(parts: SplitResult) -> Engine:
    folder = Path(unquote(parts.netloc + parts.path))  # chdb://data/x is relative to here
    if not folder.name:
        raise ConfigError("storage.url: chDB needs a folder, as in chdb:///data/analytics")

    def connect(settings: Settings, database: str) -> Client:
        if (other := holder(folder)) is not None:
            raise BlockingIOError(f"process {other} has this folder open")
        users = str(_write_users(folder))
        # Both options are needed: the engine reads a users file only beside a configuration file.
        options = {"config-file": users, "users_config": users}
        return get_client(
            interface="chdb",
            path=str(folder),
            database=database,
            chdb_options=options,
            settings=dict(settings),
        )

    return Engine(f"chdb://{folder}", True, connect)


def _write_users(folder: Path) -> Path:
    """Write who may see what beside the engine's own files, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    users = folder / USERS_FILE
    text = embedded_users()
    if not users.exists() or users.read_text() != text:
        draft = users.with_suffix(f".{os.getpid()}")
        draft.write_text(text)
        draft.replace(users)
    return users


def _server(parts: SplitResult, timeout_s: int) -> Engine:
    if parts.path.strip("/") not in ("", DATABASE):
        raise ConfigError(f"storage.url: the database is always '{DATABASE}'")
    secure = parts.scheme in SECURE
    port = parts.port or (8443 if secure else 8123)

    def connect(settings: Settings, database: str) -> Client:
        return get_client(
            host=parts.hostname,
            port=port,
            interface="https" if secure else "http",
            username=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            database=database,
            settings=dict(settings),
            compress="lz4",
            autogenerate_session_id=False,
            connect_timeout=CONNECT_TIMEOUT_S,
            send_receive_timeout=timeout_s,
        )

    return Engine(f"{parts.scheme}://{parts.hostname}:{port}", False, connect)
