"""One observed call: whatever telemetry does wrong stays on the telemetry side."""

import gc
import weakref

import pytest
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider

from tollkeeper import observe
from tollkeeper.installed import INSTALLED
from tollkeeper.running import described
from tollkeeper.testing import Spans


class Broken(SpanProcessor):
    """A foreign processor that fails wherever it is asked."""

    def on_start(self, span: Span, parent_context: object = None) -> None:
        raise RuntimeError("broken at the start")

    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError("broken at the end")


def test_a_broken_processor_does_not_break_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Broken())
    monkeypatch.setattr(INSTALLED, "provider", provider)

    @observe(capture_input=True, capture_output=True)
    def working(value: int) -> int:
        return value

    assert working(7) == 7


def test_keys_in_an_error_message_do_not_reach_the_span(spans: Spans) -> None:
    @observe
    def calling() -> None:
        raise PermissionError("Incorrect API key provided: sk-abcdefghijklmnopqrst")

    with pytest.raises(PermissionError):
        calling()
    assert "abcdefghijkl" not in str(spans.ended[0].to_json())


def test_a_huge_error_message_is_cut(spans: Spans) -> None:
    @observe
    def failing() -> None:
        raise ValueError("x" * 1_000_000)

    with pytest.raises(ValueError, match="x"):
        failing()
    assert len(spans.ended[0].to_json()) < 60_000


def test_the_arguments_are_not_kept_alive_by_the_span(spans: Spans) -> None:
    class Big:
        pass

    @observe(capture_input=True)
    def taking(big: Big) -> weakref.ref[Big]:
        return weakref.ref(big)

    kept = taking(Big())
    gc.collect()
    assert spans.names == ["taking"]
    assert kept() is None


def test_a_name_that_is_long_or_odd_is_made_fit() -> None:
    name, attributes = described("x" * 1_000 + "\ud800", "tool")
    assert len(name) <= 300
    assert attributes["gen_ai.operation.name"] == "execute_tool"
    name.encode()
