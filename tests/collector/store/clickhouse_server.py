"""A stand-in for a ClickHouse server: its HTTP interface, writable, over chDB in its own process.

``python clickhouse_server.py FOLDER`` prints its port. Every request gets a handle of its own with
the settings of its address, as on a server. ``/switch?broken=…`` makes it fail from then on.

Row policies cannot be created in chDB, so they are there from the start, and the statements that
would create them are taken without effect.
"""

import socket
import sys
import tempfile
from collections.abc import Mapping
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
HEADERS = {"X-ClickHouse-Format": "TabSeparated", "X-ClickHouse-Timezone": "UTC"}
STREAMED = ("FORMAT Native", "FORMAT TabSeparated")
TAG = "0123456789abcdef"


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
        if self.broken == "refuse":
            return _failed("Code: 252. DB::Exception: Too many parts (3001). (TOO_MANY_PARTS)")
        body = await request.read()
        if request.headers.get("Content-Encoding") == "lz4":
            body = lz4.frame.decompress(body)
        sql, data = _split(request.query.get("query", "").encode(), body)
        self.statements.append(sql)
        if sql.startswith("CREATE ROW POLICY"):
            return web.Response()
        handle = chdb.connect(self.address)
        try:
            answer = await _run(request, handle, sql.replace(f"'{POLICY}'", "'default'"), data)
        except RuntimeError as failure:
            return _failed(str(failure))
        finally:
            handle.close()
        if self.broken == "lose-answers" and request.transport is not None:
            request.transport.abort()
        return answer


def _split(query: bytes, body: bytes) -> tuple[str, bytes]:
    """Return the statement and what is to be inserted."""
    if query and body:
        return query.decode(), body
    text = query or body
    if text.startswith(b"INSERT") and b"FORMAT Native\n" in text:
        head, _, data = text.partition(b"\n")
        return head.decode(), data
    return text.decode(), b""


async def _run(
    request: web.Request, handle: Connection, sql: str, data: bytes
) -> web.StreamResponse:
    fields = dict(request.query)
    if database := fields.get("database"):
        handle.query(f"USE `{database}`")
    _apply(handle, fields)
    if data:
        _insert(handle, sql, data)
        return web.Response(headers=HEADERS)
    parameters = {name[6:]: value for name, value in fields.items() if name.startswith("param_")}
    if sql.startswith(("SELECT", "WITH")) and sql.endswith(STREAMED):
        return await _stream(request, handle, sql, parameters)
    output = fields.get("default_format", "TabSeparated")
    whole = handle.query(sql, output, params=parameters).bytes()
    return web.Response(body=whole or b"", headers=HEADERS)


def _apply(handle: Connection, fields: Mapping[str, str]) -> None:
    settings = {k: v for k, v in fields.items() if k not in NOT_SETTINGS and k[:6] != "param_"}
    for name in sorted(settings, key=lambda name: name == "readonly"):
        value = settings[name].replace("\\", "\\\\").replace("'", "\\'")
        handle.query(f"SET {name} = '{value}'")


def _insert(handle: Connection, sql: str, data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        head, _, output = sql.rpartition(" FORMAT ")
        handle.query(f"{head} FROM INFILE '{file.name}' FORMAT {output}")


async def _stream(
    request: web.Request, handle: Connection, sql: str, parameters: Mapping[str, str]
) -> web.StreamResponse:
    """Send an answer block by block; an error on the way is marked and cuts the connection."""
    blocks = iter(handle.send_query(sql, sql.rpartition(" ")[2], params=dict(parameters)))
    block = next(blocks, None)
    response = web.StreamResponse(headers={**HEADERS, "X-ClickHouse-Exception-Tag": TAG})
    await response.prepare(request)
    try:
        while block is not None:
            await response.write(block.bytes())
            block = next(blocks, None)
    except RuntimeError as failure:
        said = f"{failure}\n"
        marked = f"__exception__\r\n{TAG}\r\n{said}{len(said)} {TAG}\r\n__exception__"
        await response.write(f"\r\n{marked}\r\n".encode())
        if request.transport is not None:
            request.transport.close()
        return response
    await response.write_eof()
    return response


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
