"""Who and what the code at hand works for: session, user, and the span that is open now.

Kept in OpenTelemetry's context, so it follows coroutines and tasks as spans do. It is not put into
baggage: baggage travels with every outgoing request, to whoever receives it.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from tollkeeper import capture, semconv

MAX_ID_CHARACTERS: Final = 256  # what the proxy accepts of a session's or a user's name
SESSION_HEADER: Final = "x-tollkeeper-session"
USER_HEADER: Final = "x-tollkeeper-user"

_SESSION: Final = otel_context.create_key("tollkeeper-session")
_USER: Final = otel_context.create_key("tollkeeper-user")
_TRACE_CONTEXT: Final = TraceContextTextMapPropagator()


@contextmanager
def session(session_id: str) -> Iterator[None]:
    """Count every span and every call through the proxy inside the block to this session."""
    with _holding(_SESSION, session_id):
        yield


@contextmanager
def user(user_id: str) -> Iterator[None]:
    """Count every span and every call through the proxy inside the block to this user."""
    with _holding(_USER, user_id):
        yield


def current_trace_id() -> str | None:
    """Return the trace id of the open span, 32 hex digits, or None outside of any trace."""
    span_context = trace.get_current_span().get_span_context()
    return format_trace_id(span_context.trace_id) if span_context.is_valid else None


def update_span(
    attributes: Mapping[str, object] | None = None,
    *,
    name: str | None = None,
    input: object = None,  # the field's word for it
    output: object = None,
) -> None:
    """Add to the span that is open now; without one, do nothing.

    Numbers, booleans and text are stored as they are, everything else as JSON, all bounded in
    size. ``input`` and ``output`` given here are stored even where content capture is off: to
    name them is to ask for it.
    """
    span = trace.get_current_span()
    if not span.is_recording():
        return
    if name:
        span.update_name(capture.text(name, MAX_ID_CHARACTERS))
    for key, value in (attributes or {}).items():
        span.set_attribute(key, attribute(value))
    if input is not None:
        span.set_attribute(semconv.OBSERVED_INPUT, capture.rendered(input))
    if output is not None:
        span.set_attribute(semconv.OBSERVED_OUTPUT, capture.rendered(output))


def attribute(value: object) -> AttributeValue:
    """Return ``value`` as a span may hold it."""
    return value if isinstance(value, bool | int | float) else capture.rendered(value)


def identity_attributes(context: Context | None = None) -> dict[str, str]:
    """Return the session and user of a context as span attributes."""
    pairs = ((semconv.SESSION_ID, _SESSION), (semconv.USER_ID, _USER))
    return {
        name: value
        for name, key in pairs
        if isinstance(value := otel_context.get_value(key, context), str)
    }


def proxy_headers() -> dict[str, str]:
    """Return the headers that make a call to the proxy part of this trace, session and user.

    ``configure()`` adds them to requests that go to the proxy through httpx. Pass them by hand
    where another HTTP client is used, and to nobody but the proxy.
    """
    carrier: dict[str, str] = {}
    _TRACE_CONTEXT.inject(carrier)
    headers = {"traceparent": carrier["traceparent"]} if "traceparent" in carrier else {}
    identity = identity_attributes()
    for header, name in ((SESSION_HEADER, semconv.SESSION_ID), (USER_HEADER, semconv.USER_ID)):
        if name in identity:
            headers[header] = identity[name]
    return headers


@contextmanager
def _holding(key: str, value: str) -> Iterator[None]:
    token = otel_context.attach(otel_context.set_value(key, _cleaned(value)))
    try:
        yield
    finally:
        otel_context.detach(token)


def _cleaned(value: object) -> str:
    """Return an id that is safe in a header and equal however it was typed."""
    normal = unicodedata.normalize("NFC", str(value)[:MAX_ID_CHARACTERS])
    printable = "".join(c for c in normal if unicodedata.category(c) != "Cc").strip()
    return capture.text(printable, MAX_ID_CHARACTERS)
