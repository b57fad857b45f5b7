"""The only module that talks: SQL and bound parameters in, rows out, over the ClickHouse protocol.

Whatever the driver raises becomes one of two errors whose text holds no address and no key.
"""

import re
import threading
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

Row = Mapping[str, object]  # cells by the names the SQL gives them
Parameters = Mapping[str, str | int]

CONNECT_TIMEOUT_S: Final = 3
ANSWER_TIMEOUT_S: Final = 60
_CODE: Final = re.compile(r"Code: (\d+)\.\s*DB::Exception: ([^\n]{0,300})")
_LIMITS: Final = {
    158: "more rows than one answer may read",
    159: "more time than one answer may take",
    241: "more memory than one answer may take",
    307: "more data than one answer may read",
    396: "more rows than one answer may have",
}
_BUSY: Final = frozenset({202, 999})
_UNKNOWN_KEY: Final = frozenset({193, 194, 516})


class StoreAway(Exception):
    """Nobody answers, or nobody can now; the same question may be answered later."""


class StoreRefused(Exception):
    """The question was understood and not answered; the text says why."""


class Asks(Protocol):
    """Who answers questions."""

    def rows(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Return the rows of an answer; raises StoreAway or StoreRefused."""
        ...


class SqlClient:
    """The SQL endpoint. One connection pool, used by all page threads."""

    def __init__(self, host: str, port: int, key: str, *, secure: bool = False) -> None:
        self._host, self._port, self._key, self._secure = host, port, key, secure
        self._client: Client | None = None
        self._lock = threading.Lock()

    def rows(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        try:
            result = self._connected().query(sql, parameters=dict(parameters))
            return list(result.named_results())
        except DatabaseError as failure:
            raise _said(failure) from None
        except (ClickHouseError, OSError):
            raise StoreAway("nobody answers") from None

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _connected(self) -> Client:
        """Return the client, made on first use: connecting asks the server who it is."""
        with self._lock:
            if self._client is None:
                self._client = clickhouse_connect.get_client(
                    interface="https" if self._secure else "http",
                    host=self._host,
                    port=self._port,
                    access_token=self._key,
                    database="otel",
                    autogenerate_session_id=False,  # a session would let one query in at a time
                    connect_timeout=CONNECT_TIMEOUT_S,
                    send_receive_timeout=ANSWER_TIMEOUT_S,
                    query_retries=1,
                    client_name="tollkeeper-dashboard",
                )
            return self._client


def _said(failure: DatabaseError) -> StoreAway | StoreRefused:
    """Tell a refusal from a store that is away, in words that fit on a page."""
    match = _CODE.search(str(failure))
    if match is None:
        return StoreAway("nobody answers")
    code = int(match.group(1))
    if code in _BUSY:
        return StoreAway("the store is busy")
    if code in _UNKNOWN_KEY:
        return StoreRefused("the dashboard's key is not known to the collector")
    if code in _LIMITS:
        return StoreRefused(f"this would take {_LIMITS[code]}; choose a shorter range")
    return StoreRefused(f"the store refused the question (code {code})")
