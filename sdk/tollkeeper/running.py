"""One observed call while it runs: its span, its arguments, its result, how it ended.

The seam between the application and OpenTelemetry: nothing that goes wrong on the telemetry side
leaves this file, and nothing the application raises is changed by it.
"""

import asyncio
import inspect
import logging
import traceback
from collections.abc import Callable, Mapping
from contextvars import Token
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, Status, StatusCode

from tollkeeper import capture, semconv
from tollkeeper.installed import INSTALLED

Kind = Literal["span", "chain", "agent", "tool", "retriever"]

# The GenAI operation of each kind and the attribute that holds its name (otel.md a.5).
_OPERATIONS: Final[Mapping[Kind, tuple[str, str]]] = {
    "chain": ("invoke_workflow", semconv.WORKFLOW_NAME),
    "agent": ("invoke_agent", semconv.AGENT_NAME),
    "tool": ("execute_tool", semconv.TOOL_NAME),
    "retriever": ("retrieval", semconv.DATA_SOURCE_ID),
}
_ENDED_BY_OTHERS: Final = (GeneratorExit, asyncio.CancelledError, KeyboardInterrupt, SystemExit)
_MAX_MESSAGE_CHARACTERS: Final = 1_000
_EXCEPTION_TYPE: Final = "exception.type"  # OpenTelemetry's stable names of an exception event
_EXCEPTION_MESSAGE: Final = "exception.message"
_EXCEPTION_STACK: Final = "exception.stacktrace"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known of an observed function before it is called."""

    span_name: str
    attributes: Mapping[str, str]
    signature: inspect.Signature | None = None
    capture_input: bool | None = None
    capture_output: bool | None = None

    @classmethod
    def of(
        cls,
        function: Callable[..., object],
        name: str | None,
        kind: Kind,
        *,
        capture_input: bool | None,
        capture_output: bool | None,
    ) -> Self:
        plain = inspect.unwrap(function)
        own_name = getattr(plain, "__name__", type(plain).__name__)
        path = f"{getattr(plain, '__module__', '')}.{getattr(plain, '__qualname__', own_name)}"
        span_name, attributes = described(name or own_name, kind)
        return cls(
            span_name,
            {semconv.OBSERVED_FUNCTION: path, **attributes},
            _signature(function),
            capture_input,
            capture_output,
        )


def described(name: str, kind: Kind) -> tuple[str, dict[str, str]]:
    """Return the span's name and GenAI attributes for something called ``name``."""
    shown = capture.text(name, 256)
    if kind == "span":
        return shown, {}
    if kind not in _OPERATIONS:
        raise ValueError(f"as_type is one of span, {', '.join(_OPERATIONS)}; not {kind!r}")
    operation, name_attribute = _OPERATIONS[kind]
    return f"{operation} {shown}", {semconv.OPERATION_NAME: operation, name_attribute: shown}


def _signature(function: Callable[..., object]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # some callables written in C have none
        return None


class Running:
    """One call. As a context manager it also makes its span the current one."""

    __slots__ = ("_args", "_kwargs", "_observed", "_shows_output", "_token", "span")

    def __init__(
        self, observed: Observed, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> None:
        self._observed = observed
        self._args = args
        self._kwargs = kwargs
        self._shows_output = False
        self._token: Token[Context] | None = None
        self.span: Span = INVALID_SPAN

    def start(self) -> Context:
        """Open the span and return the context in which the call is to run."""
        _quietly(self._open)
        self._args, self._kwargs = (), {}  # the call's arguments are not ours to keep alive
        return trace.set_span_in_context(self.span)

    def returned(self, result: object) -> None:
        """Note the result, where results are shown."""
        if self.shows_output:
            _quietly(lambda: self._set_output(result))

    def finish(self, error: BaseException | None = None) -> None:
        """Close the span; ``error`` is what ended the call early."""
        if error is not None:
            _quietly(lambda: self._note(error))
        _quietly(lambda: self.span.end(end_time=INSTALLED.now()))

    @property
    def shows_output(self) -> bool:
        return self._shows_output and self.span.is_recording()

    def __enter__(self) -> Self:
        self._token = otel_context.attach(self.start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace_back: TracebackType | None,
    ) -> None:
        if self._token is not None:
            otel_context.detach(self._token)
        self.finish(error)

    def _open(self) -> None:
        observed = self._observed
        self.span = INSTALLED.tracer().start_span(
            observed.span_name, attributes=dict(observed.attributes), start_time=INSTALLED.now()
        )
        self._shows_output = _shown(observed.capture_output)
        if _shown(observed.capture_input) and self.span.is_recording():
            self.span.set_attribute(semconv.OBSERVED_INPUT, capture.rendered(self._arguments()))

    def _arguments(self) -> dict[str, object]:
        """Return the arguments by name; the object a method belongs to is not one of them."""
        signature = self._observed.signature
        if signature is None:
            return {"args": self._args, "kwargs": self._kwargs}
        arguments = dict(signature.bind_partial(*self._args, **self._kwargs).arguments)
        first = next(iter(signature.parameters), "")
        if first in {"self", "cls"}:
            arguments.pop(first, None)
        return arguments

    def _set_output(self, result: object) -> None:
        self.span.set_attribute(semconv.OBSERVED_OUTPUT, capture.rendered(result))

    def _note(self, error: BaseException) -> None:
        if not self.span.is_recording():
            return
        if isinstance(error, _ENDED_BY_OTHERS):
            self.span.set_attribute(semconv.OUTCOME, "cancelled")
            return
        kind = type(error)
        name = kind.__qualname__
        if kind.__module__ != "builtins":
            name = f"{kind.__module__}.{name}"
        self.span.set_attribute(semconv.ERROR_TYPE, name)
        message = capture.rendered(str(error), _MAX_MESSAGE_CHARACTERS)
        self.span.set_status(Status(StatusCode.ERROR, f"{kind.__name__}: {message}"))
        stack = capture.rendered("".join(traceback.format_exception(error)))
        self.span.add_event(
            "exception",
            {_EXCEPTION_TYPE: name, _EXCEPTION_MESSAGE: message, _EXCEPTION_STACK: stack},
        )


def _shown(choice: bool | None) -> bool:
    return INSTALLED.captures_content if choice is None else choice


def _quietly(act: Callable[[], None]) -> None:
    try:
        act()
    except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
        _log.debug("a span is incomplete: %s", type(error).__name__)
