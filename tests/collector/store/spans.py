"""Spans as blocks of ``otel_traces``, for tests of what the store makes of them."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tollkeeper_collector.store import Block

COLUMNS = (
    "Timestamp", "TraceId", "SpanId", "ParentSpanId", "TraceState", "SpanName", "SpanKind",
    "ServiceName", "ResourceAttributes", "ScopeName", "ScopeVersion", "SpanAttributes", "Duration",
    "StatusCode", "StatusMessage", "Events.Timestamp", "Events.Name", "Events.Attributes",
    "Links.TraceId", "Links.SpanId", "Links.TraceState", "Links.Attributes",
)  # fmt: skip
SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
# Yesterday's: rows that are too old drop at the next merge, and none may lie in the future.
NOON_NS = (time.time_ns() // DAY_NS) * DAY_NS - DAY_NS // 2


@dataclass(frozen=True, slots=True)
class Span:
    """What a test says of a span; everything else is as plain as it can be."""

    number: int
    tenant: str = "t1"
    at_ns: int = NOON_NS
    scope: str = "tollkeeper.proxy"
    attributes: Mapping[str, str] = field(default_factory=dict)
    duration_ns: int = 250_000_000
    status: str = "Ok"
    resource: Mapping[str, str] = field(default_factory=dict)

    @property
    def span_id(self) -> str:
        return f"{self.number:016x}"

    @property
    def trace_id(self) -> str:
        return f"{self.number // 4:032x}"


CALL: Mapping[str, str] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.usage.input_tokens": "10",
    "gen_ai.usage.output_tokens": "5",
    "tollkeeper.cost.usd": "0.0000045",
    "tollkeeper.cache": "off",
    "tollkeeper.outcome": "complete",
}


def call(number: int, *, tenant: str = "t1", at_ns: int = NOON_NS, **said: str) -> Span:
    """Return the span of a model call; ``said`` overrides attributes, ``__`` stands for a dot."""
    more = {name.replace("__", "."): value for name, value in said.items()}
    return Span(number, tenant, at_ns, attributes={**CALL, **more})


def block(spans: Sequence[Span], token: str = "") -> Block:
    """Return the spans as one block; its token is a hash of its content unless told."""
    rows = [_row(span) for span in spans]
    digest = hashlib.sha256(repr(rows).encode()).hexdigest()
    return Block(
        "otel_traces", COLUMNS, tuple(list(c) for c in zip(*rows, strict=True)), token or digest
    )


def _row(span: Span) -> tuple[object, ...]:
    resource = {"tollkeeper.tenant.id": span.tenant, "service.name": "tests", **span.resource}
    return (
        span.at_ns, span.trace_id, span.span_id, "", "", "a span", "Client",
        "tests", resource, span.scope, "1", dict(span.attributes), span.duration_ns,
        span.status, "", [], [], [], [], [], [], [],
    )  # fmt: skip
