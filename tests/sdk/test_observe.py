"""``@observe`` on functions, coroutines and methods."""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from tollkeeper import current_trace_id, observe, session, user
from tollkeeper.testing import FIRST_MOMENT_NS, Spans, recorded


@observe
def inner(value: int) -> int:
    return value + 1


@observe
def outer(value: int) -> int:
    return inner(value) * 2


def test_a_call_is_a_span_with_the_functions_name_and_place(spans: Spans) -> None:
    assert inner(1) == 2
    span = spans.named("inner")
    assert span.attributes is not None
    assert span.attributes["code.function.name"] == f"{__name__}.inner"
    assert span.status.status_code is StatusCode.UNSET
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "tollkeeper"


def test_a_call_inside_a_call_is_a_span_inside_a_span(spans: Spans) -> None:
    assert outer(1) == 4
    assert spans.names == ["inner", "outer"]
    assert spans.parent("inner") == "outer"
    assert spans.parent("outer") is None


def test_two_calls_in_a_row_are_two_traces(spans: Spans) -> None:
    inner(1)
    inner(2)
    first, second = spans.ended
    assert first.context is not None
    assert second.context is not None
    assert first.context.trace_id != second.context.trace_id


def test_ids_and_times_are_the_same_every_run() -> None:
    def run() -> list[tuple[int, int | None, int | None]]:
        with recorded() as found:
            outer(1)
        return [(s.context.span_id, s.start_time, s.end_time) for s in found.ended if s.context]

    first = run()
    assert first == run()
    assert first[1][1] == FIRST_MOMENT_NS


def test_an_exception_passes_through_and_is_noted(spans: Spans) -> None:
    thrown = ValueError("no such plan")

    @observe
    def failing() -> None:
        raise thrown

    with pytest.raises(ValueError, match="no such plan") as caught:
        failing()
    assert caught.value is thrown
    span = spans.named("failing")
    assert span.attributes is not None
    assert span.attributes["error.type"] == "ValueError"
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "ValueError: no such plan"
    (event,) = span.events
    assert event.attributes is not None
    assert event.attributes["exception.message"] == "no such plan"
    assert "failing" in str(event.attributes["exception.stacktrace"])


def test_a_foreign_exception_is_named_with_its_module(spans: Spans) -> None:
    class Overdrawn(Exception):
        pass

    @observe
    def failing() -> None:
        raise Overdrawn

    with pytest.raises(Overdrawn):
        failing()
    attributes = spans.named("failing").attributes
    assert attributes is not None
    assert str(attributes["error.type"]).startswith(f"{__name__}.")
    assert str(attributes["error.type"]).endswith("Overdrawn")


def test_an_exception_handled_inside_leaves_the_outer_span_alone(spans: Spans) -> None:
    @observe
    def failing() -> None:
        raise KeyError("x")

    @observe
    def careful() -> None:
        with pytest.raises(KeyError):
            failing()

    careful()
    assert spans.named("failing").status.status_code is StatusCode.ERROR
    assert spans.named("careful").status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit])
def test_being_stopped_is_not_an_error_of_the_function(
    spans: Spans, ending: type[BaseException]
) -> None:
    @observe
    def stopped() -> None:
        raise ending

    with pytest.raises(ending):
        stopped()
    span = spans.named("stopped")
    assert span.attributes is not None
    assert span.attributes["tollkeeper.outcome"] == "cancelled"
    assert span.status.status_code is StatusCode.UNSET


async def test_coroutines_nest(spans: Spans) -> None:
    @observe
    async def leaf() -> str:
        await asyncio.sleep(0)
        return "done"

    @observe
    async def stem() -> str:
        return await leaf()

    assert await stem() == "done"
    assert spans.parent("leaf") == "stem"


async def test_concurrent_tasks_do_not_become_each_others_children(spans: Spans) -> None:
    gate = asyncio.Barrier(3)

    @observe
    async def leaf(number: int) -> None:
        await gate.wait()

    @observe
    async def stem(number: int) -> str | None:
        await leaf(number)
        return current_trace_id()

    traces = await asyncio.gather(*(stem(n) for n in range(3)))
    assert len(set(traces)) == 3
    stems = {s.context.span_id: s.context for s in spans.ended if s.name == "stem" and s.context}
    leaves = [s for s in spans.ended if s.name == "leaf"]
    assert len({s.parent.span_id for s in leaves if s.parent}) == 3
    for leaf_span in leaves:
        assert leaf_span.parent is not None
        assert leaf_span.context is not None
        assert stems[leaf_span.parent.span_id].trace_id == leaf_span.context.trace_id


async def test_tasks_started_inside_are_children(spans: Spans) -> None:
    @observe
    async def leaf() -> None:
        await asyncio.sleep(0)

    @observe
    async def stem() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(leaf())
            group.create_task(leaf())

    await stem()
    (stem_span,) = [s for s in spans.ended if s.name == "stem"]
    assert stem_span.context is not None
    parents = [s.parent.span_id for s in spans.ended if s.name == "leaf" and s.parent]
    assert parents == [stem_span.context.span_id] * 2


async def test_a_cancelled_coroutine_ends_its_span_and_stays_cancelled(spans: Spans) -> None:
    started = asyncio.Event()

    @observe
    async def waiting() -> None:
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(waiting())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    span = spans.named("waiting")
    assert span.attributes is not None
    assert span.attributes["tollkeeper.outcome"] == "cancelled"
    assert not trace.get_current_span().get_span_context().is_valid


def test_a_thread_given_the_context_is_part_of_the_trace(spans: Spans) -> None:
    @observe
    def starting() -> None:
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(inner, 1))
        thread.start()
        thread.join()

    starting()
    assert spans.parent("inner") == "starting"


def test_a_plain_thread_has_a_trace_of_its_own(spans: Spans) -> None:
    @observe
    def starting() -> None:
        thread = threading.Thread(target=inner, args=(1,))
        thread.start()
        thread.join()

    starting()
    assert spans.parent("inner") is None


@pytest.mark.parametrize(
    ("kind", "name", "attribute"),
    [
        ("chain", "invoke_workflow plan", "gen_ai.workflow.name"),
        ("agent", "invoke_agent plan", "gen_ai.agent.name"),
        ("tool", "execute_tool plan", "gen_ai.tool.name"),
        ("retriever", "retrieval plan", "gen_ai.data_source.id"),
    ],
)
def test_a_kind_gives_the_span_its_genai_operation(
    spans: Spans, kind: str, name: str, attribute: str
) -> None:
    @observe(name="plan", as_type=kind)  # type: ignore[call-overload]  # a parameter, not a literal
    def anything() -> None:
        return None

    anything()
    span = spans.named(name)
    assert span.attributes is not None
    assert span.attributes["gen_ai.operation.name"] == name.split(maxsplit=1)[0]
    assert span.attributes[attribute] == "plan"


def test_an_unknown_kind_is_refused_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="as_type is one of"):

        @observe(as_type="wizard")  # type: ignore[call-overload]  # the mistake under test
        def anything() -> None:
            return None


def test_a_class_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="not on a class"):

        @observe
        class Anything:
            pass


class Shop:
    """A class whose methods are observed."""

    @observe
    def method(self, item: str) -> str:
        return item

    @observe
    @staticmethod
    def static(item: str) -> str:
        return item

    @observe
    @classmethod
    def of(cls, item: str) -> str:
        return f"{cls.__name__} {item}"


def test_methods_of_every_sort_work(spans: Spans) -> None:
    assert Shop().method("a") == "a"
    assert Shop.static("b") == "b"
    assert Shop.of("c") == "Shop c"
    assert spans.names == ["method", "static", "of"]


def test_the_function_keeps_its_name_signature_and_sort() -> None:
    @observe
    def plain(a: int, *, b: str = "x") -> str:
        """Say it."""
        return b * a

    @observe
    async def coroutine() -> None: ...

    @observe
    def generator() -> Iterator[int]:
        yield 1

    @observe
    async def stream() -> AsyncIterator[int]:
        yield 1

    assert plain.__name__ == "plain"
    assert plain.__doc__ == "Say it."
    assert str(inspect.signature(plain)) == "(a: int, *, b: str = 'x') -> str"
    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isgeneratorfunction(generator)
    assert inspect.isasyncgenfunction(stream)


def test_session_and_user_are_on_every_span_inside(spans: Spans) -> None:
    with session("s-1"), user("ana"):
        outer(1)
    inner(1)
    for span in spans.ended[:2]:
        assert span.attributes is not None
        assert (span.attributes["session.id"], span.attributes["user.id"]) == ("s-1", "ana")
    attributes = spans.ended[2].attributes
    assert attributes is not None
    assert "session.id" not in attributes


def test_content_is_not_captured_unless_asked_for(spans: Spans) -> None:
    inner(41)
    attributes = spans.named("inner").attributes
    assert attributes is not None
    assert "input.value" not in attributes
    assert "output.value" not in attributes


def test_content_is_captured_where_the_process_asks_for_it() -> None:
    with recorded(capture_content=True) as found:
        inner(41)
        Shop().method("tea")
    attributes = found.named("inner").attributes
    assert attributes is not None
    assert attributes["input.value"] == '{"value": 41}'
    assert attributes["output.value"] == "42"
    attributes = found.named("method").attributes
    assert attributes is not None
    assert attributes["input.value"] == '{"item": "tea"}'


def test_a_functions_own_choice_wins_over_the_processs() -> None:
    @observe(capture_input=False, capture_output=True)
    def half(secret: str) -> str:
        return "shown"

    with recorded(capture_content=True) as found:
        half("kept")
    attributes = found.named("half").attributes
    assert attributes is not None
    assert "input.value" not in attributes
    assert attributes["output.value"] == "shown"


def test_an_argument_that_cannot_be_shown_does_not_disturb_the_call() -> None:
    class Hostile:
        @property
        def __class__(self) -> type:  # type: ignore[override]  # as hostile as it gets
            raise RuntimeError("do not look")

    @observe
    def taking(thing: object) -> str:
        return "fine"

    with recorded(capture_content=True) as found:
        assert taking(Hostile()) == "fine"
    assert found.names == ["taking"]


def test_wrong_arguments_fail_as_they_would_without_us() -> None:
    with recorded(capture_content=True), pytest.raises(TypeError, match="positional argument"):
        inner(1, 2, 3)  # type: ignore[call-arg]  # the mistake under test
