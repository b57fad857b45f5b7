"""Trace an LLM application: ``configure()`` once, ``@observe`` on what matters.

Importing does nothing but define these names. Spans are OpenTelemetry spans: they go to the
collector, to any other OTLP endpoint, or to the provider the application already has.
"""

from tollkeeper.configure import configure, delivered, flush, shutdown
from tollkeeper.context import current_trace_id, proxy_headers, session, update_span, user
from tollkeeper.observe import observe

__all__ = [
    "configure",
    "current_trace_id",
    "delivered",
    "flush",
    "observe",
    "proxy_headers",
    "session",
    "shutdown",
    "update_span",
    "user",
]
