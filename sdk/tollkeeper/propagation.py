"""Requests to the proxy get the headers of the open trace; all others stay as they are.

The official clients (OpenAI, Anthropic, Google) speak through httpx or its successor httpx2. Their
public transport classes are where every request passes, redirects and retries included, so their
one public method is wrapped: a request whose origin is the proxy's is passed on as a copy with
``traceparent`` and the session and user added. A header the caller set himself is left alone. The
caller's own request object is not changed, so a redirect elsewhere takes nothing along. Clients
with a transport of their own are not reached: there, pass ``proxy_headers()`` by hand.
"""

import functools
import importlib
import importlib.util
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from tollkeeper.context import proxy_headers

LIBRARIES: Final = ("httpx", "httpx2")
_METHODS: Final = (
    ("HTTPTransport", "handle_request", False),
    ("AsyncHTTPTransport", "handle_async_request", True),
)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})  # three names of one place
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what decides whether a request is for the proxy."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Origin | None":
        """Return the origin of an http or https URL, None for anything else."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return None
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            return None
        host = "localhost" if parts.hostname in _LOOPBACK else parts.hostname
        return cls(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme])

    @property
    def is_loopback(self) -> bool:
        return self.host == "localhost"


class Request(Protocol):
    """As much of an httpx request as is used."""

    method: str
    url: object
    headers: Any  # httpx's own type
    stream: object
    extensions: object


Send = Callable[[object, Request], object]
SendAsync = Callable[[object, Request], Awaitable[object]]


def hook(origin: Origin) -> Callable[[], None]:
    """Wrap the transports of the libraries that are installed; the result undoes it."""
    undo = [
        _wrap(transport, method, origin, is_async=is_async)
        for module in _installed()
        for name, method, is_async in _METHODS
        if (transport := getattr(module, name, None)) is not None
    ]

    def unhook() -> None:
        for step in undo:
            step()

    return unhook


def _installed() -> list[object]:
    """Import what there is of the libraries; one that is absent or broken is not ours to report."""
    found: list[object] = []
    for name in LIBRARIES:
        try:
            if importlib.util.find_spec(name) is not None:
                found.append(importlib.import_module(name))
        except ImportError as error:
            _log.debug("%s is not usable: %s", name, error)
    return found


def _wrap(transport: type, method: str, origin: Origin, *, is_async: bool) -> Callable[[], None]:
    original = getattr(transport, method)
    enabled = [True]  # another instrumentation may have wrapped us: then we can only step aside
    wrap = _async_wrapper if is_async else _sync_wrapper
    wrapper = wrap(original, lambda request: _told(request, origin) if enabled else request)
    setattr(transport, method, wrapper)

    def undo() -> None:
        enabled.clear()
        if getattr(transport, method) is wrapper:
            setattr(transport, method, original)

    return undo


def _sync_wrapper(original: Send, told: Callable[[Request], Request]) -> Send:
    @functools.wraps(original)
    def handle_request(transport: object, request: Request) -> object:
        return original(transport, told(request))

    return handle_request


def _async_wrapper(original: SendAsync, told: Callable[[Request], Request]) -> SendAsync:
    @functools.wraps(original)
    async def handle_async_request(transport: object, request: Request) -> object:
        return await original(transport, told(request))

    return handle_async_request


def _told(request: Request, origin: Origin) -> Request:
    """Return a copy of the request with our headers where it goes to the proxy, else itself."""
    try:
        if Origin.of(str(request.url)) != origin:
            return request
        ours = [
            (name.encode("ascii"), value.encode("utf-8"))
            for name, value in proxy_headers().items()
            if name not in request.headers
        ]
        make: Callable[..., Request] = type(request)
        return make(
            request.method,
            request.url,
            headers=[*request.headers.raw, *ours],
            stream=request.stream,
            extensions=request.extensions,
        )
    except Exception as error:  # noqa: BLE001 - the application's request goes out regardless
        _log.debug("a request goes out untraced: %s", type(error).__name__)
        return request
