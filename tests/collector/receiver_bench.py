"""A receiver on loopback ports, in a thread of its own, with keys in memory and no store."""

import asyncio
import http.client
import io
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web
from tests.collector.records import MEMBER

from tollkeeper.errors import ControlUnreachable
from tollkeeper.keys import Identity, digest
from tollkeeper.logs import Log
from tollkeeper_collector.identity import Doorkeeper
from tollkeeper_collector.journal import Journal, JournalLimits
from tollkeeper_collector.receiver.connections import ConnectionFactory
from tollkeeper_collector.receiver.intake import Intake, IntakeLimits
from tollkeeper_collector.receiver.otlp_grpc import Exporter, make_server
from tollkeeper_collector.receiver.otlp_http import Receiver
from tollkeeper_collector.rows import Rules
from tollkeeper_collector.tally import Tally

KEY: Final = "tk-member"
SYSTEM_KEY: Final = "system-secret"
MAX_BODY: Final = 1 << 22
IDENTITIES: Final = {
    KEY: MEMBER,
    "tk-viewer": Identity("k2", "two", "t1", "viewer"),
    "tk-other": Identity("k3", "three", "t2"),
}


class Keys:
    """Keys in memory."""

    def __init__(self) -> None:
        self.known = {digest(key): identity for key, identity in IDENTITIES.items()}
        self.is_away = False

    def find(self, key_digest: str) -> Identity | None:
        if self.is_away:
            raise ControlUnreachable("away")
        return self.known.get(key_digest)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


class ReceiverBench:
    """HTTP and gRPC in front of one journal."""

    def __init__(self, folder: Path, *, timeout_s: float = 0.4, total_bytes: int = 1 << 24) -> None:
        self.tally, self.keys, self.timeout_s = Tally(), Keys(), timeout_s
        self.said = io.StringIO()
        self.log = Log("tests", self.said)
        self.journal = Journal(folder, JournalLimits(total_bytes=total_bytes))
        limits = IntakeLimits(max_body_bytes=MAX_BODY, max_requests=4, max_bytes=8 * MAX_BODY)
        self.intake = Intake(self.journal, self.tally, Rules(), limits=limits)
        self.answered: Counter[int] = Counter()
        self.port = self.grpc_port = 0
        self._started, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._started.wait(10)

    def post(self, path: str, body: bytes, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        default = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {KEY}"}
        return self.request("POST", path, body, {**default, **named})

    def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers), response.read())
        finally:
            connection.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        self.journal.close()
        self.intake.close()
        self.log.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        door = Doorkeeper(self.keys, SYSTEM_KEY, believe_s=0)
        receiver = Receiver(
            self.intake, door, {"/livez": _alive}, self.log, self.timeout_s, self.answered
        )
        factory = ConnectionFactory(receiver.handle, head_timeout_s=self.timeout_s)
        server = await self._loop.create_server(factory, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        grpc_server = make_server(Exporter(self.intake, door, self.log), MAX_BODY)
        self.grpc_port = grpc_server.add_insecure_port("127.0.0.1:0")
        await grpc_server.start()
        self._started.set()
        await self._stop.wait()
        await grpc_server.stop(1)
        server.close()
        await factory.shutdown(1)


async def _alive() -> web.Response:
    return web.Response(text="ok\n")
