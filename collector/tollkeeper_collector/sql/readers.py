"""Clients that see one tenant's rows, or all of them for our own components; lent out one by one.

A client is opened with the tenant, the limits and ``readonly`` for good: nothing that is run with
it can take them back. It must not know SQL beyond asking the engine's own parser.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error

from tollkeeper.keys import Identity
from tollkeeper_collector.sql.errors import SqlError, from_engine
from tollkeeper_collector.sql.limits import Bounds, SqlLimits
from tollkeeper_collector.sql.statements import Grammar, learn
from tollkeeper_collector.sql.vocabulary import FunctionEntry
from tollkeeper_collector.store import StoreUnavailable
from tollkeeper_collector.store.opening import Engine
from tollkeeper_collector.store.tenancy import (
    ALL_TENANTS,
    DATABASE,
    NO_TENANT,
    POLICED,
    POLICY,
    TENANT_SETTING,
)

IDLE: Final = 16  # clients kept open for the next statement
NOBODY: Final = "-"  # not a possible tenant id
SEES_ALL: Final = ("admin", "system")
# Room for a statement as a syntax tree inside a string: about 30 times its own length.
MAX_QUERY_BYTES: Final = 32 * 1024 * 1024
MAX_DEPTH: Final = 200  # of the parser; Python walks the tree by recursion


def scope_of(identity: Identity) -> str:
    """Return whose rows an identity may read: a tenant's id, or every tenant's."""
    if identity.role in SEES_ALL:
        return ALL_TENANTS
    if not identity.tenant_id or identity.tenant_id == ALL_TENANTS:
        raise SqlError(497, "ACCESS_DENIED", "the key belongs to no tenant")
    return identity.tenant_id


def reader_settings(scope: str, bounds: Bounds) -> dict[str, str | int]:
    """Return the settings of a client for good; readonly comes last and shuts the door."""
    return {
        TENANT_SETTING: scope,
        **bounds.settings(),
        "result_overflow_mode": "throw",
        "max_query_size": MAX_QUERY_BYTES,
        "max_parser_depth": MAX_DEPTH,
        "allow_introspection_functions": 0,
        "use_query_cache": 0,
        "cancel_http_readonly_queries_on_client_close": 1,
        "readonly": 1,
    }


@dataclass(slots=True)
class Readers:
    """The query side of the store: clients by scope, the engine's grammar and version."""

    engine: Engine
    limits: SqlLimits
    version: str = ""
    timezone: str = "UTC"
    _grammar: Grammar | None = None
    _idle: "OrderedDict[int, tuple[str, Client]]" = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def grammar(self) -> Grammar:
        """Return what the engine says of itself, asked once; SqlError when it cannot serve."""
        if self._grammar is None:
            with self.lend(NOBODY) as stranger:
                _check_stranger(stranger)
            with self.lend(ALL_TENANTS) as client:
                _check_policies(client, self.engine.embedded)
                self.version, self.timezone = _about(client)
                self._grammar = learn(lambda sql: ask(client, sql), _functions(client))
        return self._grammar

    @contextmanager
    def lend(self, scope: str) -> Iterator[Client]:
        """Lend a client of this scope; one that failed outside SQL is not lent again."""
        client = self.take(scope)
        try:
            yield client
        except SqlError:
            self.give_back(scope, client)
            raise
        except BaseException:
            client.close()
            raise
        else:
            self.give_back(scope, client)

    def take(self, scope: str) -> Client:
        """Return a client that sees this scope, an idle one if there is one."""
        with self._lock:
            for key, (idle_scope, client) in reversed(self._idle.items()):
                if idle_scope == scope:
                    del self._idle[key]
                    return client
        bounds = self.limits.system if scope == ALL_TENANTS else self.limits.tenant
        try:
            return self.engine.client(reader_settings(scope, bounds), DATABASE)
        except StoreUnavailable as failure:
            raise SqlError(999, "UNAVAILABLE", "the store cannot be asked now") from failure

    def give_back(self, scope: str, client: Client) -> None:
        """Take a client back for the next statement of its scope."""
        surplus: list[Client] = []
        with self._lock:
            self._idle[id(client)] = (scope, client)
            while len(self._idle) > IDLE:
                surplus.append(self._idle.popitem(last=False)[1][1])
        for old in surplus:
            old.close()

    def close(self) -> None:
        """Close what is idle; what is lent closes with its statement."""
        with self._lock:
            idle, self._idle = self._idle, OrderedDict()
        for _, client in idle.values():
            client.close()


def ask(client: Client, sql: str) -> str:
    """Run a SELECT of one text and return it exactly; SqlError with what the engine said."""
    try:
        return bytes(client.raw_query(sql, fmt="RawBLOB")).decode("utf-8", "replace")
    except Error as failure:
        raise from_engine(failure) from failure


def _about(client: Client) -> tuple[str, str]:
    version, timezone = ask(client, "SELECT version() || '|' || timezone()").split("|")
    return version, timezone


def _functions(client: Client) -> list[FunctionEntry]:
    rows = client.query(
        "SELECT name, is_aggregate, alias_to, categories FROM system.functions"
    ).result_rows
    return [FunctionEntry(name, bool(agg), alias, cats) for name, agg, alias, cats in rows]


def _check_stranger(client: Client) -> None:
    """Refuse to serve a store that shows rows to somebody who belongs to no tenant."""
    if ask(client, f"SELECT toString(count()) FROM {DATABASE}.{NO_TENANT[0]}") != "0":
        raise SqlError(497, "ACCESS_DENIED", "row policies do not hold in this store")


def _check_policies(client: Client, embedded: bool) -> None:
    """Refuse to serve a server whose tables are not all under our row policy."""
    if embedded:  # they come from our users file, whole or not at all
        return
    sql = (
        "SELECT arrayStringConcat(groupArray(table), ',') FROM system.row_policies"
        f" WHERE database = '{DATABASE}' AND short_name = '{POLICY}'"
    )
    missing = sorted(set(POLICED) - set(ask(client, sql).split(",")))
    if missing:
        raise SqlError(497, "ACCESS_DENIED", f"no row policy on {', '.join(missing)}")
