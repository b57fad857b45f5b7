"""A loopback HTTP server that remembers what it was sent: collector and provider at once."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

COMPLETION: Final = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    ],
}
CHUNK: Final = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}],
}


@dataclass(frozen=True, slots=True)
class Heard:
    """One request as it arrived; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Remembering:
    """The server; ``status`` and ``answer`` are what traces are answered with."""

    status: int = 200
    answer: bytes = b""
    redirect_to: str = ""
    heard: list[Heard] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.hold.set()
        outer = self

        class Handler(_Handler):
            server_state = outer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def received_spans(self) -> list[Span]:
        """All spans of all requests to the traces path."""
        found: list[Span] = []
        for request in [heard for heard in self.heard if heard.path == "/v1/traces"]:
            message = ExportTraceServiceRequest.FromString(request.body)
            for resource in message.resource_spans:
                for scope in resource.scope_spans:
                    found.extend(scope.spans)
        return found

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: Remembering

    def do_POST(self) -> None:
        state = self.server_state
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {
            name.lower(): value.encode("latin-1").decode("utf-8")
            for name, value in self.headers.items()
        }
        state.heard.append(Heard(self.path, headers, body))
        state.hold.wait(20)
        if self.path == "/v1/traces":
            self._reply(state.status, "application/x-protobuf", state.answer)
        elif state.redirect_to:
            self._reply(307, "text/plain", b"", location=state.redirect_to + self.path)
        elif b'"stream":true' in body.replace(b" ", b""):
            events = f"data: {json.dumps(CHUNK)}\n\n" * 3 + "data: [DONE]\n\n"
            self._reply(200, "text/event-stream", events.encode())
        else:
            self._reply(200, "application/json", json.dumps(COMPLETION).encode())

    def _reply(self, status: int, kind: str, body: bytes, location: str = "") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        if location:
            self.send_header("location", location)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: the tests look at ``heard``."""
