"""Calls out of the SQL port, block by block: the only way exports read anything."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from clickhouse_connect import get_client
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error

from tollkeeper.errors import TollkeeperError, UseError
from tollkeeper.supervisor.folder import read_run_file
from tollkeeper_collector.exports.formats import Block
from tollkeeper_collector.exports.selection import Query
from tollkeeper_collector.store.failure import first_line

CONNECT_TIMEOUT_S: Final = 10
READ_TIMEOUT_S: Final = 3600
KEY_VARIABLE: Final = "TOLLKEEPER_API_KEY"


@dataclass(frozen=True, slots=True)
class SqlAddress:
    """Where the SQL port is and the key that opens it."""

    url: str
    key: str


def find_port(data: Path, *, url: str, key: str) -> SqlAddress:
    """Return the port that was named, or the one that runs on this data folder.

    The system's key in the folder is used for the folder's own port alone, never for a named one.
    """
    if url:
        if not key:
            raise UseError(f"--url needs a key: --key or {KEY_VARIABLE}")
        return SqlAddress(url, key)
    running = read_run_file(data)
    ports = running.get("ports") if running else None
    port = ports.get("sql") if isinstance(ports, dict) else None
    if not isinstance(port, int):
        raise TollkeeperError(f"nothing runs on {data}: start it, or name a SQL port with --url")
    return SqlAddress(f"http://127.0.0.1:{port}", key or _system_key(data))


def _system_key(data: Path) -> str:
    try:
        return (data / "system.key").read_text().strip()
    except OSError:
        raise UseError(f"no key: --key, {KEY_VARIABLE}, or {data}/system.key") from None


def connect(address: SqlAddress) -> Client:
    """Return a client; TollkeeperError in one line when nobody answers or the key is refused."""
    parts = urlsplit(address.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UseError("--url: expected http://host:port")
    try:
        return get_client(
            host=parts.hostname,
            port=parts.port or (443 if parts.scheme == "https" else 80),
            interface=parts.scheme,
            username="export",
            password=address.key,
            connect_timeout=CONNECT_TIMEOUT_S,
            send_receive_timeout=READ_TIMEOUT_S,
            autogenerate_session_id=False,
            show_clickhouse_errors="scrub",
        )
    except (Error, OSError) as failure:
        raise _said(address, failure) from failure


def read(client: Client, address: SqlAddress, query: Query) -> Iterator[Block]:
    """Yield the rows of a question as blocks of columns."""
    try:
        stream = client.query_column_block_stream(query.sql, parameters=query.parameters)
        with stream as blocks:
            for block in blocks:
                yield _columns(block)
    except (Error, OSError) as failure:
        raise _said(address, failure) from failure


def _columns(block: Sequence[Sequence[object]]) -> Block:
    return block


def _said(address: SqlAddress, failure: Exception) -> TollkeeperError:
    code = getattr(failure, "code", None)
    if code is None:
        return TollkeeperError(f"no SQL port answers at {address.url}: is Tollkeeper running?")
    return TollkeeperError(f"SQL port {address.url}: {first_line(failure)}")
