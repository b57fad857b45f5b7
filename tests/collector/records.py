"""Spans, requests and recorded bodies for tests of the collector's parts."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.equipment.places import ABSENT, shared

from tollkeeper.keys import Identity
from tollkeeper_collector.otlp import Encoding, Signal
from tollkeeper_collector.otlp.signals import Scope, Span, SpanGroup
from tollkeeper_collector.rows import Arrival, Rules

NOW_NS = 1_800_000_000_000_000_000  # some day of 2027; pure tests take their time from here
MEMBER = Identity("k1", "key one", "t1")
SYSTEM = Identity("system", "system", "default", "system")
SCOPE = Scope("tests", "1", {}, "")
NUMBERS = count(1)


def arrival(identity: Identity = MEMBER, **rules: Any) -> Arrival:
    return Arrival(identity, NOW_NS, Rules(**rules))


def span(number: int = 1, **fields: Any) -> Span:
    """Return an acceptable span; ``number`` makes its ids."""
    values: dict[str, Any] = {
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "parent_span_id": "",
        "trace_state": "",
        "name": "chat",
        "kind": 3,
        "start_ns": NOW_NS - 1_000_000_000,
        "end_ns": NOW_NS,
        "attributes": {},
        "events": [],
        "links": [],
        "status_code": 0,
        "status_message": "",
    }
    return Span(**{**values, **fields})


def group(*spans: Span, resource: dict[str, str] | None = None, scope: Scope = SCOPE) -> SpanGroup:
    return SpanGroup(resource or {}, "", scope, list(spans))


def trace_body(*span_numbers: int, resource: dict[str, str] | None = None) -> bytes:
    """Return a protobuf request with one acceptable span per number, of just now."""
    now_ns = time.time_ns()
    request = ExportTraceServiceRequest()
    part = request.resource_spans.add()
    for key, value in {"service.name": "tests", **(resource or {})}.items():
        pair = part.resource.attributes.add(key=key)
        pair.value.string_value = value
    scoped = part.scope_spans.add()
    for number in span_numbers:
        scoped.spans.add(
            trace_id=number.to_bytes(16, "big"),
            span_id=number.to_bytes(8, "big"),
            name="chat",
            start_time_unix_nano=now_ns - 1_000_000,
            end_time_unix_nano=now_ns,
        )
    return bytes(request.SerializeToString())


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded OTLP request body."""

    path: Path

    @property
    def signal(self) -> Signal:
        for signal in ("traces", "logs", "metrics"):
            if f".{signal}." in self.path.name or self.path.name.startswith(signal.rstrip("s")):
                return signal
        raise ValueError(self.path.name)

    @property
    def encoding(self) -> Encoding:
        return "json" if self.path.suffix == ".json" else "protobuf"

    @property
    def coding(self) -> str:
        return "gzip" if self.path.suffix == ".gz" else ""


def recorded() -> list[Recorded]:
    """Return every recorded body; skip the test where there are none."""
    folder = shared() / "data" / "otlp"
    if not folder.is_dir():
        pytest.skip(ABSENT)
    return list(_bodies(folder))


def _bodies(folder: Path) -> Iterator[Recorded]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".pb", ".gz", ".json") and not path.name.startswith("_"):
            yield Recorded(path)
