"""For tests of applications: spans in memory, with ids and times that are the same every run.

Put ``from tollkeeper.testing import spans`` into ``conftest.py`` and take ``spans`` as a fixture:
what ``@observe`` recorded is in it as soon as a span ended. Needs pytest.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Final

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from tollkeeper import context
from tollkeeper.installed import INSTALLED

FIRST_MOMENT_NS: Final = 1_700_000_000 * 10**9
TICK_NS: Final = 10**6  # every look at the clock is a millisecond after the last


class CountedIds(IdGenerator):
    """Trace and span ids 1, 2, 3, …"""

    def __init__(self) -> None:
        self._spans = count(1)
        self._traces = count(1)

    def generate_span_id(self) -> int:
        return next(self._spans)

    def generate_trace_id(self) -> int:
        return next(self._traces)


class Spans(SpanProcessor):
    """The spans that ended, in that order, and ways to find one."""

    def __init__(self) -> None:
        self.ended: list[ReadableSpan] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        for name, value in context.identity_attributes(parent_context).items():
            span.set_attribute(name, value)

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.ended]

    def named(self, name: str) -> ReadableSpan:
        """Return the one span of that name; ``AssertionError`` when there is none or several."""
        found = [span for span in self.ended if span.name == name]
        assert len(found) == 1, f"{len(found)} spans are named {name!r}; there are {self.names}"
        return found[0]

    def parent(self, name: str) -> str | None:
        """Return the name of a span's parent, or None for a root."""
        parent = self.named(name).parent
        if parent is None:
            return None
        by_id = {span.context.span_id: span.name for span in self.ended if span.context}
        return by_id.get(parent.span_id, f"{parent.span_id:016x}")


@contextmanager
def recorded(*, capture_content: bool = False) -> Iterator[Spans]:
    """Record spans in memory inside the block, whatever provider the process has."""
    spans = Spans()
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=Resource({"service.name": "tests"}),
        id_generator=CountedIds(),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(spans)
    ticks = count(FIRST_MOMENT_NS, TICK_NS)
    before = (INSTALLED.provider, INSTALLED.clock, INSTALLED.captures_content)
    INSTALLED.provider, INSTALLED.clock = provider, lambda: next(ticks)
    INSTALLED.captures_content = capture_content
    try:
        yield spans
    finally:
        INSTALLED.provider, INSTALLED.clock, INSTALLED.captures_content = before


@pytest.fixture
def spans() -> Iterator[Spans]:
    """Spans of this test, in memory."""
    with recorded() as found:
        yield found
