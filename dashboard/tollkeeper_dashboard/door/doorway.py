"""The door as ASGI, in front of all that is served: pages, files, media, health and websockets.

Without a session a page is answered with the sign-in page and everything else is refused. Adds the
headers that keep the browser to this origin. Knows nothing of what is behind it.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from tollkeeper_dashboard.door import login_page
from tollkeeper_dashboard.door.entrance import Entrance, Locked, Shut, Welcome, Wrong

Scope = MutableMapping[str, Any]  # the shapes of ASGI
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_FORM_BYTES: Final = 8_192
MAX_PENDING: Final = 8  # attempts that wait for their hash; more are told to come back
MAX_DESTINATION: Final = 2_000
BUSY_WAIT_S: Final = 2
REFUSED: Final = 4_401  # websocket close code of the private range, after HTTP's 401
# Vega compiles its expressions, hence unsafe-eval; pictures and connections are ours alone, so a
# prompt that names a picture cannot tell anybody that it was read.
POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' ws://{host} wss://{host}; worker-src 'self' blob:; object-src 'none'; "
    "frame-src 'none'; frame-ancestors 'none'; form-action 'self'; base-uri 'self'"
)
SAFE_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # no-referrer would make our own form say Origin: null
    "cross-origin-opener-policy": "same-origin",
}
LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """What the door needs to know of its place; ``hosts`` empty lets every name in."""

    cookie: str
    lifetime_s: int
    hosts: tuple[str, ...] = ()
    secure: bool = False
    data: str = "data"


@dataclass(slots=True)
class Doorway:
    """The ASGI application in front of the application."""

    inside: App
    entrance: Entrance
    settings: DoorSettings
    _pending: int = 0
    _hashing: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="password")
    )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, _with_safe_headers(scope, send))
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self.inside(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        answer = await self._answer(request)
        if answer is None:
            await self.inside(scope, receive, send)
        else:
            answer.headers["cache-control"] = "no-store"
            await answer(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        if self._is_visitor(connection) and self._is_own_host(connection) and _same_origin(scope):
            await self.inside(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": REFUSED})

    async def _answer(self, request: Request) -> Response | None:
        """Answer what the door answers itself; None lets the request in."""
        path = request.url.path
        if path == "/livez":
            return PlainTextResponse("ok")
        if not self._is_own_host(request):
            return PlainTextResponse("unknown host\n", 421)
        if path == "/login":
            return await self._login(request)
        if path == "/logout":
            return self._logout(request)
        return None if self._is_visitor(request) else _sent_to_sign_in(request)

    async def _login(self, request: Request) -> Response:
        if request.method in ("GET", "HEAD"):
            wanted = _local(request.query_params.get("next", ""))
            if self._is_visitor(request):
                return RedirectResponse(wanted, 303)
            if reason := self.entrance.shut_because():
                return HTMLResponse(login_page.shut(reason, self.settings.data), 503)
            return HTMLResponse(login_page.form(wanted))
        if request.method != "POST" or not _same_origin(request.scope):
            return PlainTextResponse("not from here\n", 403)
        fields = await _form(request)
        if fields is None:
            return PlainTextResponse("not a sign-in form\n", 400)
        return await self._enter(
            request, fields.get("password", ""), _local(fields.get("next", ""))
        )

    async def _enter(self, request: Request, plain: str, wanted: str) -> Response:
        if self._pending >= MAX_PENDING:
            return _refusal(wanted, "Too many people are signing in.", BUSY_WAIT_S)
        self._pending += 1
        try:
            address = request.client.host if request.client else ""
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(self._hashing, self.entrance.enter, plain, address)
        finally:
            self._pending -= 1
        match result:
            case Welcome(token):
                return self._let_in(token, wanted)
            case Locked(wait_s):
                return _refusal(wanted, "Too many attempts.", wait_s)
            case Wrong(wait_s):
                return _refusal(wanted, "That is not the password.", wait_s)
            case Shut(reason):
                return HTMLResponse(login_page.shut(reason, self.settings.data), 503)

    def _let_in(self, token: str, wanted: str) -> Response:
        answer = RedirectResponse(wanted, 303)
        answer.set_cookie(
            self.settings.cookie,
            token,
            max_age=self.settings.lifetime_s,
            httponly=True,
            samesite="lax",  # a link to a trace, sent to a colleague, still works
            secure=self.settings.secure,
        )
        return answer

    def _logout(self, request: Request) -> Response:
        if not _same_origin(request.scope):
            return PlainTextResponse("not from here\n", 403)
        self.entrance.sessions.close(request.cookies.get(self.settings.cookie, ""))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(self.settings.cookie)
        return answer

    def _is_visitor(self, connection: HTTPConnection) -> bool:
        token = connection.cookies.get(self.settings.cookie, "")
        return self.entrance.visitor(token) is not None

    def _is_own_host(self, connection: HTTPConnection) -> bool:
        """Refuse foreign names: a page elsewhere may point its own name at this machine."""
        if not self.settings.hosts:
            return True
        host = connection.headers.get("host", "").lower()
        name = host if host.endswith("]") else host.rsplit(":", 1)[0]
        return name in self.settings.hosts


def _sent_to_sign_in(request: Request) -> Response:
    """Show a person the way; tell everything else no."""
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/login?next={quote(_destination(request), safe='')}", 303)
    return PlainTextResponse("sign in first\n", 401)


def _refusal(wanted: str, message: str, wait_s: int) -> Response:
    if not wait_s:
        return HTMLResponse(login_page.form(wanted, message), 401)
    text = f"{message} Try again in {wait_s} s."
    return HTMLResponse(login_page.form(wanted, text), 429, {"retry-after": str(wait_s)})


async def _form(request: Request) -> dict[str, str] | None:
    """Return the fields of a small form; None for anything else."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return None
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM_BYTES:
            return None
    try:
        found = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=8)
    except ValueError:
        return None
    return {name: values[0] for name, values in found.items()}


def _same_origin(scope: Scope) -> bool:
    """Tell whether this comes from a page of ours, or from something that is no browser."""
    headers = Headers(scope=scope)
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _destination(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.path}{query}"


def _local(destination: str) -> str:
    """Return where to go after signing in: a path here, whatever was asked for."""
    parts = urlsplit(destination)
    is_path = destination.startswith("/") and not destination.startswith(("//", "/\\"))
    if parts.scheme or parts.netloc or not is_path or len(destination) > MAX_DESTINATION:
        return "/"
    return destination if destination.isprintable() and "\\" not in destination else "/"


def _with_safe_headers(scope: Scope, send: Send) -> Send:
    host = Headers(scope=scope).get("host", "")
    policy = POLICY.format(host=host if host.isascii() and ";" not in host else "invalid")

    async def send_safely(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["content-security-policy"] = policy
            for name, value in SAFE_HEADERS.items():
                headers[name] = value
        await send(message)

    return send_safely
