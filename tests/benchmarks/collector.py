"""The collector alone: spans per second accepted and stored, its CPU and its memory.

The real process on chDB, one sender with four connections, bodies made beforehand. ``accepted`` is
durable and acknowledged; ``stored`` includes the views. Every span has 16 attributes.
"""

import http.client
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.benchmarks.processes import LOAD_CPU, cpu_s, memory, start, stop

from tollkeeper import semconv
from tollkeeper.control import KeyStore
from tollkeeper.control.schema import migrate

SPANS: Final = 512  # what an SDK's batch processor sends at once
BODIES: Final = 120
CONNECTIONS: Final = 4
READY_WITHIN_S: Final = 30.0
STORED_WITHIN_S: Final = 90.0
ATTRIBUTES: Final[dict[str, str | int | float]] = {
    semconv.OPERATION_NAME: "chat",
    semconv.PROVIDER_NAME: "openai",
    semconv.REQUEST_MODEL: "gpt-4o-mini",
    semconv.RESPONSE_MODEL: "gpt-4o-mini-2024-07-18",
    semconv.REQUEST_TEMPERATURE: 0.7,
    semconv.RESPONSE_ID: "chatcmpl-0123456789",
    semconv.USAGE_INPUT_TOKENS: 812,
    semconv.USAGE_OUTPUT_TOKENS: 64,
    semconv.USAGE_CACHE_READ_TOKENS: 512,
    semconv.SERVER_ADDRESS: "api.example.com",
    semconv.SERVER_PORT: 443,
    semconv.HTTP_STATUS: 200,
    semconv.USER_ID: "user-17",
    semconv.SESSION_ID: "session-4711",
    semconv.COST_USD: "0.000160200",
    semconv.CACHE: "miss",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a running collector listens, and the key that opens it."""

    port: int
    key: str
    pid: int


def run() -> list[dict[str, object]]:
    """Measure each encoding on a collector of its own."""
    return [_measured("protobuf"), _measured("json")]


def _measured(encoding: str) -> dict[str, object]:
    bodies = [_body(encoding) for _ in range(BODIES)]
    with tempfile.TemporaryDirectory(prefix="tollkeeper-bench-") as folder:
        data = Path(folder)
        process = start(
            [sys.executable, "-m", "tollkeeper_collector", "--data", folder, *_free_ports()],
            log=data / "log",
        )
        try:
            target = _ready(data, process.pid)
            _send(target, bodies[:4], encoding)
            _wait_stored(target, 4 * SPANS)
            return _figures(target, bodies[4:], encoding)
        finally:
            stop(process)


def _figures(target: Target, bodies: Sequence[bytes], encoding: str) -> dict[str, object]:
    spans = len(bodies) * SPANS
    cpu_before, began = cpu_s(target.pid), time.perf_counter()
    _send(target, bodies, encoding)
    accepted_s = time.perf_counter() - began
    _wait_stored(target, spans + 4 * SPANS)
    stored_s = time.perf_counter() - began
    return {
        "OTLP/HTTP": encoding,
        "accepted spans/s": spans / accepted_s,
        "stored spans/s": spans / stored_s,
        "CPU us/span": (cpu_s(target.pid) - cpu_before) / spans * 1e6,
        "RSS MiB": memory(target.pid).rss / 2**20,
    }


def _free_ports() -> list[str]:
    return ["--otlp-port", "0", "--otlp-grpc-port", "0", "--sql-port", "0"]


def _ready(data: Path, pid: int) -> Target:
    url = f"sqlite:///{data / 'control.db'}"
    migrate(url)
    keys = KeyStore(url)
    key, _ = keys.create("benchmark")
    keys.close()
    report = data / "run" / "collector.json"
    until = time.monotonic() + READY_WITHIN_S
    while not report.exists():
        if time.monotonic() > until:
            raise TimeoutError((data / "log").read_text()[-2000:])
        time.sleep(0.02)
    return Target(json.loads(report.read_text())["ports"]["otlp"], key, pid)


def _send(target: Target, bodies: Sequence[bytes], encoding: str) -> None:
    os.sched_setaffinity(0, {LOAD_CPU})
    kind = "application/json" if encoding == "json" else "application/x-protobuf"
    headers = {"Content-Type": kind, "Authorization": f"Bearer {target.key}"}

    def send_some(share: Sequence[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", target.port)
        for body in share:
            connection.request("POST", "/v1/traces", body, headers)
            answer = connection.getresponse()
            if answer.status != 200 or answer.read() not in (b"", b"{}"):
                raise RuntimeError(f"answered {answer.status}")
        connection.close()

    with ThreadPoolExecutor(CONNECTIONS) as senders:
        list(senders.map(send_some, [bodies[n::CONNECTIONS] for n in range(CONNECTIONS)]))


def _wait_stored(target: Target, spans: int) -> None:
    until = time.monotonic() + STORED_WITHIN_S
    line = 'tollkeeper_collector_stored_records_total{signal="traces"} '
    while time.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", target.port)
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
        connection.close()
        if f"{line}{spans}\n" in page:
            return
        time.sleep(0.02)
    raise TimeoutError("not stored in time")


def _body(encoding: str) -> bytes:
    return _json_body() if encoding == "json" else _protobuf_body()


def _json_body() -> bytes:
    now_ns = time.time_ns()
    attributes = [{"key": key, "value": _any(value)} for key, value in ATTRIBUTES.items()]
    spans = [
        {
            "traceId": random.randbytes(16).hex(),
            "spanId": random.randbytes(8).hex(),
            "name": "chat gpt-4o-mini",
            "kind": 3,
            "startTimeUnixNano": str(now_ns),
            "endTimeUnixNano": str(now_ns + 1_000_000_000),
            "attributes": attributes,
        }
        for _ in range(SPANS)
    ]
    scope = {"scope": {"name": "benchmark"}, "spans": spans}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "benchmark"}}]}
    return orjson.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]})


def _any(value: str | float) -> dict[str, object]:
    if isinstance(value, str):
        return {"stringValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"doubleValue": value}


def _protobuf_body() -> bytes:
    now_ns = time.time_ns()
    request = ExportTraceServiceRequest()
    part = request.resource_spans.add()
    _set(part.resource.attributes.add(), "service.name", "benchmark")
    scoped = part.scope_spans.add()
    scoped.scope.name = "benchmark"
    for _ in range(SPANS):
        span = scoped.spans.add(
            trace_id=random.randbytes(16),
            span_id=random.randbytes(8),
            name="chat gpt-4o-mini",
            kind=3,
            start_time_unix_nano=now_ns,
            end_time_unix_nano=now_ns + 1_000_000_000,
        )
        for key, value in ATTRIBUTES.items():
            _set(span.attributes.add(), key, value)
    return bytes(request.SerializeToString())


def _set(pair: object, key: str, value: str | float) -> None:
    pair.key = key  # type: ignore[attr-defined]  # an upb message; its fields carry no types
    kind = {str: "string_value", int: "int_value", float: "double_value"}[type(value)]
    setattr(pair.value, kind, value)  # type: ignore[attr-defined]
