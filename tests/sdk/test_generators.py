"""``@observe`` on generators: every way to end, and whose context is current between items."""

import asyncio
import contextlib
import contextvars
import gc
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from tollkeeper import observe, session
from tollkeeper.context import identity_attributes
from tollkeeper.testing import Spans, recorded


@observe
def leaf() -> None:
    return None


@observe
def counting(limit: int) -> Generator[int, str, str]:
    heard = ""
    for number in range(limit):
        leaf()
        heard += (yield number) or ""
    return heard


@observe
async def streaming(limit: int) -> AsyncGenerator[int, str]:
    for number in range(limit):
        leaf()
        await asyncio.sleep(0)
        yield number


def outcome(spans: Spans, name: str) -> tuple[StatusCode, object, object]:
    span = spans.named(name)
    attributes = span.attributes or {}
    return (
        span.status.status_code,
        attributes.get("error.type"),
        attributes.get("tollkeeper.outcome"),
    )


COMPLETE = (StatusCode.UNSET, None, None)
CLOSED = (StatusCode.UNSET, None, "cancelled")


def test_one_span_from_the_first_item_to_the_last(spans: Spans) -> None:
    stream = counting(2)
    assert spans.names == []
    assert list(stream) == [0, 1]
    assert spans.names == ["leaf", "leaf", "counting"]
    assert outcome(spans, "counting") == COMPLETE


def test_a_generator_nobody_starts_makes_no_span(spans: Spans) -> None:
    counting(2).close()
    assert spans.names == []


def test_what_the_body_does_is_inside_and_what_the_consumer_does_is_not(spans: Spans) -> None:
    @observe
    def consumer() -> None:
        mine = trace.get_current_span()
        for _ in counting(2):
            assert trace.get_current_span() is mine
            consumed()

    @observe
    def consumed() -> None:
        return None

    consumer()
    names = {s.context.span_id: s.name for s in spans.ended if s.context}
    parents = {s.name: names[s.parent.span_id] for s in spans.ended if s.parent}
    assert parents == {"leaf": "counting", "counting": "consumer", "consumed": "consumer"}


def test_a_session_the_body_holds_over_an_item_is_not_the_consumers(spans: Spans) -> None:
    @observe
    def body() -> Iterator[int]:
        with session("inside"):
            yield 1
            leaf()
            yield 2
        assert identity_attributes() == {}

    for _ in body():
        assert identity_attributes() == {}
    attributes = spans.named("leaf").attributes
    assert attributes is not None
    assert attributes["session.id"] == "inside"


def test_values_sent_in_and_returned_come_through(spans: Spans) -> None:
    stream = counting(2)
    next(stream)
    stream.send("a")
    with pytest.raises(StopIteration) as end:
        stream.send("b")
    assert end.value.value == "ab"


def test_closing_early_runs_the_bodys_cleanup_inside_its_span(spans: Spans) -> None:
    @observe
    def body() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            leaf()

    stream = body()
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert spans.parent("leaf") == "body"
    assert outcome(spans, "body") == CLOSED


def test_a_forgotten_generator_ends_its_span_when_it_is_collected(spans: Spans) -> None:
    for number in counting(5):
        if number == 1:
            break
    gc.collect()
    assert outcome(spans, "counting") == CLOSED


def test_an_exception_of_the_body_is_noted(spans: Spans) -> None:
    @observe
    def body() -> Iterator[int]:
        yield 1
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        list(body())
    assert outcome(spans, "body") == (StatusCode.ERROR, "LookupError", None)


def test_an_exception_thrown_in_may_be_survived(spans: Spans) -> None:
    @observe
    def body() -> Generator[int, None, None]:
        try:
            yield 1
        except LookupError:
            yield 2

    stream = body()
    next(stream)
    assert stream.throw(LookupError("in")) == 2
    assert list(stream) == []
    assert outcome(spans, "body") == COMPLETE


def test_an_exception_thrown_in_may_kill(spans: Spans) -> None:
    stream = counting(3)
    next(stream)
    with pytest.raises(LookupError):
        stream.throw(LookupError("in"))
    assert outcome(spans, "counting") == (StatusCode.ERROR, "LookupError", None)


def test_a_body_that_refuses_to_close_fails_as_it_would_without_us(spans: Spans) -> None:
    @observe
    def stubborn() -> Generator[int, None, None]:
        with contextlib.suppress(GeneratorExit):
            yield 1
        yield 2

    stream = stubborn()
    next(stream)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        stream.close()
    assert outcome(spans, "stubborn")[:2] == (StatusCode.ERROR, "RuntimeError")


def test_steps_in_different_contexts_stay_in_one_span(spans: Spans) -> None:
    stream = counting(3)
    seen = [contextvars.copy_context().run(next, stream) for _ in range(3)]
    assert seen == [0, 1, 2]
    assert list(stream) == []
    leaves = {s.parent.span_id for s in spans.ended if s.name == "leaf" and s.parent}
    assert len(leaves) == 1


def test_other_context_variables_behave_as_without_us(spans: Spans) -> None:
    request: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="none")

    @contextlib.contextmanager
    @observe
    def scope() -> Iterator[None]:
        token = request.set("mine")
        yield
        request.reset(token)

    with scope():
        assert request.get() == "mine"
    assert request.get() == "none"


def test_items_are_shown_joined_and_bounded_where_content_is_asked_for() -> None:
    @observe
    def words() -> Iterator[str]:
        for _ in range(100_000):
            yield "word "

    with recorded(capture_content=True) as found:
        assert sum(1 for _ in words()) == 100_000
        list(counting(3))
    shown = (found.named("words").attributes or {})["output.value"]
    assert isinstance(shown, str)
    assert shown.startswith("word word ")
    assert len(shown) <= 16_384
    assert (found.named("counting").attributes or {})["output.value"] == "[0, 1, 2]"


async def test_async_items_are_inside_and_their_consumer_is_not(spans: Spans) -> None:
    @observe
    async def consumer() -> None:
        mine = trace.get_current_span()
        async for _ in streaming(2):
            assert trace.get_current_span() is mine

    await consumer()
    assert spans.parent("streaming") == "consumer"
    names = {s.context.span_id: s.name for s in spans.ended if s.context}
    assert {names[s.parent.span_id] for s in spans.ended if s.name == "leaf" and s.parent} == {
        "streaming"
    }
    assert outcome(spans, "streaming") == COMPLETE


async def test_closing_an_async_generator_early_awaits_its_cleanup(spans: Spans) -> None:
    @observe
    async def body() -> AsyncGenerator[int, None]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            leaf()

    stream = body()
    assert await anext(stream) == 1
    await stream.aclose()
    assert spans.parent("leaf") == "body"
    assert outcome(spans, "body") == CLOSED


async def test_async_throw_may_be_survived_or_kill(spans: Spans) -> None:
    @observe
    async def body() -> AsyncGenerator[int, None]:
        try:
            yield 1
        except LookupError:
            yield 2

    stream = body()
    await anext(stream)
    assert await stream.athrow(LookupError("in")) == 2
    with pytest.raises(KeyError):
        await stream.athrow(KeyError("again"))
    assert outcome(spans, "body") == (StatusCode.ERROR, "KeyError", None)


async def test_values_sent_to_an_async_generator_arrive(spans: Spans) -> None:
    @observe
    async def echo() -> AsyncGenerator[str, str]:
        heard = ""
        while heard != "stop":
            heard = yield heard

    stream = echo()
    await anext(stream)
    assert await stream.asend("a") == "a"
    with pytest.raises(StopAsyncIteration):
        await stream.asend("stop")
    assert outcome(spans, "echo") == COMPLETE


async def test_a_task_cancelled_while_the_body_waits_ends_the_span(spans: Spans) -> None:
    started = asyncio.Event()

    @observe
    async def body() -> AsyncIterator[int]:
        started.set()
        await asyncio.Event().wait()
        yield 1

    async def consumer() -> None:
        async for _ in body():
            pass

    task = asyncio.create_task(consumer())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert outcome(spans, "body") == CLOSED


async def test_each_item_fetched_in_a_task_of_its_own_stays_in_one_span(spans: Spans) -> None:
    stream = streaming(3)
    seen = [await asyncio.wait_for(anext(stream), 5) for _ in range(3)]
    assert seen == [0, 1, 2]
    await stream.aclose()
    leaves = {s.parent.span_id for s in spans.ended if s.name == "leaf" and s.parent}
    assert len(leaves) == 1


def test_an_async_generator_left_behind_ends_with_its_loop(spans: Spans) -> None:
    async def leaving() -> None:
        async for _ in streaming(5):
            break

    asyncio.run(leaving())
    gc.collect()
    assert outcome(spans, "streaming") == CLOSED


async def test_interleaved_generators_keep_their_own_spans(spans: Spans) -> None:
    pairs = [pair async for pair in _zipped(streaming(3), streaming(3))]
    assert pairs == [(0, 0), (1, 1), (2, 2)]
    parents = [s.parent.span_id for s in spans.ended if s.name == "leaf" and s.parent]
    assert len(parents) == 6
    assert {parents.count(parent) for parent in parents} == {3}


async def _zipped(
    one: AsyncIterator[int], other: AsyncIterator[int]
) -> AsyncIterator[tuple[int, int]]:
    async for item in one:
        yield item, await anext(other)


STEPS = st.lists(st.sampled_from(["next", "send", "throw", "close"]), max_size=8)


@given(steps=STEPS, survives=st.booleans())
def test_any_sequence_of_steps_behaves_as_without_us(steps: list[str], survives: bool) -> None:
    def body() -> Generator[object, object, str]:
        heard: object = None
        for number in range(4):
            try:
                heard = yield (number, heard)
            except LookupError:
                if not survives:
                    raise
        return "end"

    with recorded() as found:
        assert _played(observe(body)(), steps) == _played(body(), steps)
        assert not trace.get_current_span().get_span_context().is_valid
    assert len(found.ended) <= 1


def _played(stream: Generator[object, object, str], steps: list[str]) -> list[object]:
    acts: dict[str, Callable[[], object]] = {
        "next": lambda: next(stream),
        "send": lambda: stream.send("hello"),
        "throw": lambda: stream.throw(LookupError("in")),
        "close": stream.close,
    }
    seen: list[object] = []
    for step in steps:
        try:
            seen.append(acts[step]())
        except (StopIteration, LookupError, TypeError) as error:
            seen.append((type(error), error.args))
    stream.close()
    return seen
