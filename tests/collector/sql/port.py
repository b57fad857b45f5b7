"""The SQL port as a real server in a thread, with real keys, for tests that talk HTTP to it."""

import asyncio
import http.client
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import clickhouse_connect
from aiohttp import web
from clickhouse_connect.driver.client import Client

from tollkeeper.control import KeyStore
from tollkeeper.control.schema import migrate
from tollkeeper_collector.identity import Doorkeeper
from tollkeeper_collector.sql import SqlLimits, sql_app
from tollkeeper_collector.store.opening import Engine

SYSTEM_KEY = "tk-" + "s" * 43


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class SqlPort:
    """A running SQL port and the keys that open it, by the name of whose they are."""

    def __init__(self, engine: Engine, folder: Path, limits: SqlLimits) -> None:
        url = f"sqlite:///{folder / 'control.db'}"
        migrate(url)
        self.store = KeyStore(url)
        self.keys = {"system": SYSTEM_KEY}
        for name, tenant in (
            ("alpha", "alpha"),
            ("othertenant", "othertenant"),
            ("empty", "gamma"),
        ):
            self.keys[name] = self.store.create(name, tenant_id=tenant)[0]
        self.keys["admin"] = self.store.create("admin", tenant_id="alpha", role="admin")[0]
        self.keys["viewer"] = self.store.create("viewer", tenant_id="alpha", role="viewer")[0]
        self._app = sql_app(
            engine, Doorkeeper(self.store, SYSTEM_KEY, believe_s=0.2), limits=limits
        )
        self._loop = asyncio.new_event_loop()
        self._runner = web.AppRunner(self._app, shutdown_timeout=1)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port: int = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)

    async def _start(self) -> int:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return int(self._runner.addresses[0][1])

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()
        self.store.close()

    def ask(
        self,
        who: str,
        sql: str | bytes = "",
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        **fields: str,
    ) -> Reply:
        """Send a statement as the body, with these fields in the address."""
        key = {"Authorization": f"Bearer {self.keys[who]}"} if who else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = sql.encode("utf-8", "surrogatepass") if isinstance(sql, str) else sql
        try:
            connection.request(
                method, f"/?{urlencode(fields)}", body=body, headers={**key, **(headers or {})}
            )
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def client(self, who: str, **options: object) -> Client:
        """Return the real client, opened with somebody's key as the password."""
        return clickhouse_connect.get_client(
            host="127.0.0.1",
            port=self.port,
            username="anything",
            password=self.keys[who],
            **options,
        )
