"""What ``configure()`` put in place for this process, where ``@observe`` finds it.

The one holder of process-wide state in the SDK: OpenTelemetry's tracer provider and an HTTP
library's classes exist once per process, so what is attached to them does too.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from opentelemetry import trace

from tollkeeper import semconv


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where the spans of this process went: ``ended = delivered + lost + waiting``, always.

    ``dropped``: the queue was full or already closed; ``refused``: the collector said no, or
    nobody answered in time. Counted since ``configure()``, or since the fork in a forked child.
    """

    ended: int = 0
    delivered: int = 0
    dropped: int = 0
    refused: int = 0
    waiting: int = 0

    @property
    def lost(self) -> int:
        return self.dropped + self.refused


class Exporting(Protocol):
    """What carries ended spans away in the background."""

    def flush(self, timeout_s: float) -> bool: ...

    def close(self, timeout_s: float) -> None: ...

    def report(self) -> Delivered: ...


@dataclass(slots=True)
class Installed:
    """The state itself. ``lock`` is held by those who change it; readers read one field."""

    provider: trace.TracerProvider | None = None  # None: OpenTelemetry's global one
    exporting: Exporting | None = None
    unhook: Callable[[], None] | None = None
    captures_content: bool = False
    clock: Callable[[], int] | None = None  # unix nanoseconds; None: OpenTelemetry's own
    exit_flush_s: float = 5.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tracer(self) -> trace.Tracer:
        """Return the tracer of this moment; a no-op one until a provider exists."""
        return trace.get_tracer(
            semconv.SDK_SCOPE, tracer_provider=self.provider, schema_url=semconv.SCHEMA_URL
        )

    def now(self) -> int | None:
        return self.clock() if self.clock else None


INSTALLED: Final = Installed()
