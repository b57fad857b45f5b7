"""Spans as rows of ``otel_traces``: decoded groups and their arrival in, chunks and rejections out.

The stock 22 columns, byte for byte what the stock ClickHouse exporter would write, but for content
(kept apart), cuts (counted in ``tollkeeper.span.cut``) and the tenant (ours).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from tollkeeper import semconv
from tollkeeper_collector.chunks import Chunk
from tollkeeper_collector.content import Said, content_chunks, take
from tollkeeper_collector.otlp.signals import Attributes, Event, Link, Scope, Span, SpanGroup
from tollkeeper_collector.rows.arrival import Accepted, Arrival, scope_name, stamped
from tollkeeper_collector.rows.clamp import (
    MAX_EVENTS,
    MAX_LINKS,
    MAX_NAME,
    MAX_VALUE,
    bounded,
    clamp,
    drop_long_keys,
)

MAX_TIME_NS: Final = 2**63 - 1  # DateTime64(9) is a signed 64-bit count
ZERO_TRACE: Final = "0" * 32
ZERO_SPAN: Final = "0" * 16

_KINDS: Final = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
_STATUSES: Final = ("Unset", "Ok", "Error")
_COLUMNS: Final = (
    "Timestamp",
    "TraceId",
    "SpanId",
    "ParentSpanId",
    "TraceState",
    "SpanName",
    "SpanKind",
    "SpanAttributes",
    "Duration",
    "StatusCode",
    "StatusMessage",
    "Events.Timestamp",
    "Events.Name",
    "Events.Attributes",
    "Links.TraceId",
    "Links.SpanId",
    "Links.TraceState",
    "Links.Attributes",
)
_NOTHING: Final[tuple[()]] = ()


def span_rows(groups: Iterable[SpanGroup], arrival: Arrival) -> Accepted:
    """Return the rows of all acceptable spans."""
    accepted = Accepted()
    for group in groups:
        _add_group(accepted, group, arrival)
    return accepted


def span_fault(span: Span, arrival: Arrival) -> str:
    """Return why a span cannot be kept, "" when it can."""
    if len(span.trace_id) != 32 or span.trace_id == ZERO_TRACE:
        return "trace_id is zero or not 16 bytes"
    if len(span.span_id) != 16 or span.span_id == ZERO_SPAN:
        return "span_id is zero or not 8 bytes"
    if span.end_ns < span.start_ns:
        return "it ends before it starts"
    if span.end_ns > arrival.latest_ns:
        return "its time is in the future"
    if span.start_ns < arrival.earliest_ns:
        return "its time is before the retention"
    return ""


def _add_group(accepted: Accepted, group: SpanGroup, arrival: Arrival) -> None:
    rows: list[tuple[object, ...]] = []
    said: list[Said] = []
    cuts: Counter[str] = Counter()  # of one span; making one per span would cost a fifth of it
    keep = arrival.keeps_content
    for span in group.spans:
        if reason := span_fault(span, arrival):
            accepted.rejected[reason] += 1
        else:
            rows.append(_row(span, keep, said=said, cuts=cuts))
    if not rows:
        return
    identity = arrival.identity
    resource = stamped(group.resource, identity)
    shared = _shared(resource, group.scope, scope_name(group.scope, identity))
    columns = dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True))
    accepted.rows += len(rows)
    accepted.chunks.append(Chunk("otel_traces", len(rows), shared, columns))
    accepted.chunks += content_chunks(said, resource[semconv.TENANT_ID], arrival.at_ns)


def _shared(resource: Attributes, scope: Scope, name: str) -> dict[str, object]:
    return {
        "ServiceName": resource.get(semconv.SERVICE_NAME, ""),
        "ResourceAttributes": resource,
        "ScopeName": name,
        "ScopeVersion": scope.version[:MAX_NAME],
    }


def _row(span: Span, keep: bool, *, said: list[Said], cuts: Counter[str]) -> tuple[object, ...]:
    attributes = drop_long_keys(span.attributes, cuts)
    attributes, events, messages = take(attributes, span.events, keep=keep, cuts=cuts)
    if messages:
        said.append(Said(span.trace_id, span.span_id, span.start_ns, messages))
    attributes = clamp(attributes, cuts)
    listed = _events(events, span.start_ns, cuts) + _links(span.links, cuts)
    if cuts:
        told = ",".join(f"{what}={count}" for what, count in sorted(cuts.items()))
        attributes = {**attributes, semconv.SPAN_CUT: told}
        cuts.clear()
    parent = span.parent_span_id
    return (
        span.start_ns,
        span.trace_id,
        span.span_id,
        parent if len(parent) == 16 and parent != ZERO_SPAN else "",
        span.trace_state[:MAX_NAME],
        span.name[:MAX_NAME],
        _KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else _KINDS[0],
        attributes,
        span.end_ns - span.start_ns,
        _STATUSES[span.status_code] if 0 <= span.status_code < len(_STATUSES) else _STATUSES[0],
        span.status_message[:MAX_VALUE],
        *listed,
    )


def _events(
    events: Sequence[Event], start_ns: int, cuts: Counter[str]
) -> tuple[Sequence[object], ...]:
    if not events:
        return _NOTHING, _NOTHING, _NOTHING
    if len(events) > MAX_EVENTS:
        cuts["events"] += len(events) - MAX_EVENTS
        events = events[:MAX_EVENTS]
    return (
        [event.time_ns if 0 <= event.time_ns <= MAX_TIME_NS else start_ns for event in events],
        [event.name[:MAX_NAME] for event in events],
        [bounded(event.attributes, cuts) for event in events],
    )


def _links(links: Sequence[Link], cuts: Counter[str]) -> tuple[Sequence[object], ...]:
    if not links:
        return _NOTHING, _NOTHING, _NOTHING, _NOTHING
    if len(links) > MAX_LINKS:
        cuts["links"] += len(links) - MAX_LINKS
        links = links[:MAX_LINKS]
    return (
        [link.trace_id for link in links],
        [link.span_id for link in links],
        [link.trace_state[:MAX_NAME] for link in links],
        [bounded(link.attributes, cuts) for link in links],
    )
