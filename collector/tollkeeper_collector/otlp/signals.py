"""Spans and log records as plain values, whatever encoding they came in.

Ids are lower-case hex ("" when absent or not hex), times nanoseconds since 1970, attributes text.
Named tuples, not dataclasses: creating one costs a quarter, and there is one per span.
"""

from collections.abc import Sequence
from typing import NamedTuple

Attributes = dict[str, str]


class Event(NamedTuple):
    """Something that happened at one moment of a span."""

    time_ns: int
    name: str
    attributes: Attributes


class Link(NamedTuple):
    """A span of this or another trace."""

    trace_id: str
    span_id: str
    trace_state: str
    attributes: Attributes


class Span(NamedTuple):
    """One operation."""

    trace_id: str
    span_id: str
    parent_span_id: str
    trace_state: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: Attributes
    events: Sequence[Event]
    links: Sequence[Link]
    status_code: int
    status_message: str


class Scope(NamedTuple):
    """The library that made the records."""

    name: str
    version: str
    attributes: Attributes
    schema_url: str


class SpanGroup(NamedTuple):
    """Spans that share a resource and a scope."""

    resource: Attributes
    resource_schema_url: str
    scope: Scope
    spans: list[Span]


class LogRecord(NamedTuple):
    """One log record or event; its body is text."""

    time_ns: int
    observed_ns: int
    trace_id: str
    span_id: str
    flags: int
    severity_text: str
    severity_number: int
    body: str
    attributes: Attributes
    event_name: str


class LogGroup(NamedTuple):
    """Log records that share a resource and a scope."""

    resource: Attributes
    resource_schema_url: str
    scope: Scope
    records: list[LogRecord]
