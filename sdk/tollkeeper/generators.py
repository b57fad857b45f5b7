"""A generator in, its steps out, each run inside the generator's own span.

Only OpenTelemetry's context is exchanged around a step: the consumer's span is the consumer's
again between two items, whatever the body opened, and every other context variable behaves as it
does without ``@observe``.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextvars import Token
from types import TracebackType
from typing import Final, TypeVar

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from tollkeeper.capture import MAX_CHARACTERS
from tollkeeper.running import Running

R = TypeVar("R")
_MAX_KEPT_ITEMS: Final = 1_000


class _Span:
    """The span of a generator, entered for each step: the first opens it, the last closes it."""

    __slots__ = ("_context", "_items", "_room", "_running", "_token")

    def __init__(self, running: Running) -> None:
        self._running = running
        self._context: Context | None = None
        self._token: Token[Context] | None = None
        self._items: list[object] = []
        self._room = MAX_CHARACTERS

    def __enter__(self) -> None:
        if self._context is None:
            self._context = self._running.start()
        self._token = otel_context.attach(self._context)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._context = otel_context.get_current()
        if self._token is not None:
            otel_context.detach(self._token)
        if isinstance(error, StopIteration | StopAsyncIteration):
            self._show(getattr(error, "value", None))
            self._running.finish()
        elif error is not None:
            self._running.finish(error)

    def yielded(self, item: object) -> None:
        """Keep what is to be shown of the items, as long as there is room for it."""
        if self._running.shows_output and self._room > 0 and len(self._items) < _MAX_KEPT_ITEMS:
            self._items.append(item)
            self._room -= len(item) if isinstance(item, str) else 1

    def closed(self) -> None:
        """End the span of a generator that nobody wants to hear to its end."""
        self._show(None)
        self._running.finish(GeneratorExit())

    def _show(self, returned: object) -> None:
        items, self._items = self._items, []
        if not items:
            self._running.returned(returned)
        elif all(isinstance(item, str) for item in items):
            self._running.returned("".join(str(item) for item in items))
        else:
            self._running.returned(items)


class Steps(Generator[object, object, R]):
    """A generator as ``yield from`` wants it."""

    __slots__ = ("_generator", "_span")

    def __init__(self, generator: Generator[object, object, R], running: Running) -> None:
        self._generator = generator
        self._span = _Span(running)

    def send(self, value: object, /) -> object:
        return self._stepped(lambda: self._generator.send(value))

    def throw(self, *error: object) -> object:
        # One to three arguments, passed on as they came: the older form still exists in 3.11.
        return self._stepped(lambda: self._generator.throw(*error))  # type: ignore[call-overload]

    def close(self) -> None:
        with self._span:
            self._generator.close()
        self._span.closed()

    def _stepped(self, act: Callable[[], object]) -> object:
        with self._span:
            item = act()
        self._span.yielded(item)
        return item


class AsyncSteps:
    """An async generator, step by step."""

    __slots__ = ("_generator", "_span")

    def __init__(self, generator: AsyncGenerator[object, object], running: Running) -> None:
        self._generator = generator
        self._span = _Span(running)

    async def send(self, value: object) -> object:
        return await self._stepped(self._generator.asend(value))

    async def throw(self, error: BaseException) -> object:
        return await self._stepped(self._generator.athrow(error))

    async def close(self) -> None:
        with self._span:
            await self._generator.aclose()
        self._span.closed()

    async def _stepped(self, act: Awaitable[object]) -> object:
        with self._span:
            item = await act
        self._span.yielded(item)
        return item
