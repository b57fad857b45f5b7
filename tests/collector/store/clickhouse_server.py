"""A stand-in for a ClickHouse server: its HTTP interface, writable, over chDB in its own process.

``python clickhouse_server.py FOLDER`` prints its port. Every request gets a handle of its own with
the settings of its address, as on a server. ``/switch?broken=…`` makes it fail from then on.

Row policies cannot be created in chDB, so they are there from the start, and the statements that
would create them are taken without effect.
"""

import socket
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

import chdb
import lz4.frame
from aiohttp import web
from chdb.state.sqlitelike import Connection

from tollkeeper_collector.store.tenancy import POLICY, embedded_users

NOT_SETTINGS = {"query", "database", "default_format", "session_id", "query_id", "user", "password"}
NOT_SETTINGS |= {"wait_end_of_query", "enable_http_compression", "client_protocol_version"}
NOT_SETTINGS |= {"send_progress_in_http_headers", "http_headers_progress_interval_ms"}


class Server:
    def __init__(self, folder: Path) -> None:
        users = folder.with_suffix(".users.xml")
        manager = "<access_management>1</access_management></default></users>"
        users.write_text(embedded_users().replace("</default></users>", manager))
        options = urlencode({"config-file": users, "users_config": users})
        self.address = f"{folder}?{options}"
        self.engine = chdb.connect(self.address)
        self.broken = ""
        self.statements: list[str] = []

    async def switch(self, request: web.Request) -> web.Response:
        self.broken = request.query.get("broken", "")
        return web.Response()

    async def heard(self, request: web.Request) -> web.Response:
        return web.json_response(self.statements)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "lz4":
            body = lz4.frame.decompress(body)
        if self.broken == "refuse":
            return _failed("Code: 252. DB::Exception: Too many parts (3001). (TOO_MANY_PARTS)")
        try:
            answer = self._run(dict(request.query), body)
        except RuntimeError as failure:
            return _failed(str(failure))
        if self.broken == "lose-answers":
            request.transport.abort()
        return answer

    def _run(self, fields: dict[str, str], body: bytes) -> web.Response:
        sql, data = _split(fields.get("query", "").encode(), body)
        self.statements.append(sql)
        if sql.startswith("CREATE ROW POLICY"):
            return web.Response()
        handle = chdb.connect(self.address)
        try:
            if database := fields.get("database"):
                handle.query(f"USE `{database}`")
            _apply(handle, fields)
            return _run(handle, sql.replace(f"'{POLICY}'", "'default'"), data, fields)
        finally:
            handle.close()


def _split(query: bytes, body: bytes) -> tuple[str, bytes]:
    """Return the statement and what is to be inserted."""
    if query and body:
        return (query.decode(), body)
    text = query or body
    if text.startswith(b"INSERT") and b"FORMAT Native\n" in text:
        head, _, data = text.partition(b"\n")
        return head.decode(), data
    return text.decode(), b""


def _apply(handle: Connection, fields: dict[str, str]) -> None:
    settings = {k: v for k, v in fields.items() if k not in NOT_SETTINGS and k[:6] != "param_"}
    for name in sorted(settings, key=lambda name: name == "readonly"):
        value = settings[name].replace("\\", "\\\\").replace("'", "\\'")
        handle.query(f"SET {name} = '{value}'")


def _run(handle: Connection, sql: str, data: bytes, fields: dict[str, str]) -> web.Response:
    if data:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            head, _, output = sql.rpartition(" FORMAT ")
            handle.query(f"{head} FROM INFILE '{file.name}' FORMAT {output}")
        return web.Response()
    parameters = {name[6:]: value for name, value in fields.items() if name.startswith("param_")}
    result = handle.query(sql, fields.get("default_format", "TabSeparated"), params=parameters)
    headers = {"X-ClickHouse-Format": "TabSeparated", "X-ClickHouse-Timezone": "UTC"}
    return web.Response(body=result.bytes() or b"", headers=headers)


def _failed(message: str) -> web.Response:
    code = message.partition("Code: ")[2].partition(".")[0] or "49"
    headers = {"X-ClickHouse-Exception-Code": code}
    return web.Response(status=500, text=message[message.find("Code: ") :], headers=headers)


def main() -> None:
    server = Server(Path(sys.argv[1]))
    app = web.Application(client_max_size=2**30)
    app.router.add_get("/switch", server.switch)
    app.router.add_get("/heard", server.heard)
    app.router.add_route("*", "/", server.answer)
    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    web.run_app(app, sock=listening, print=None)


if __name__ == "__main__":
    main()
