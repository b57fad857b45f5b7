"""Session, user, the open trace, and the headers that carry them to the proxy."""

import asyncio

import pytest

from tollkeeper import current_trace_id, observe, proxy_headers, session, update_span, user
from tollkeeper.context import identity_attributes
from tollkeeper.testing import Spans


def test_outside_of_everything_there_is_nothing() -> None:
    assert current_trace_id() is None
    assert proxy_headers() == {}
    assert identity_attributes() == {}
    update_span({"a": 1})


def test_the_headers_name_the_open_span_session_and_user(spans: Spans) -> None:
    @observe
    def calling() -> dict[str, str]:
        return proxy_headers()

    with session("s-1"), user("ana"):
        headers = calling()
    context = spans.named("calling").context
    assert context is not None
    assert headers == {
        "traceparent": f"00-{context.trace_id:032x}-{context.span_id:016x}-01",
        "x-tollkeeper-session": "s-1",
        "x-tollkeeper-user": "ana",
    }


def test_the_trace_id_is_32_hex_digits(spans: Spans) -> None:
    @observe
    def asking() -> str | None:
        return current_trace_id()

    assert asking() == f"{1:032x}"


def test_blocks_nest_and_give_back_what_was_before() -> None:
    with session("outer"):
        with session("inner"):
            assert identity_attributes()["session.id"] == "inner"
        assert identity_attributes()["session.id"] == "outer"
    assert identity_attributes() == {}


async def test_tasks_have_their_own_user() -> None:
    async def serve(name: str) -> str:
        with user(name):
            await asyncio.sleep(0)
            return identity_attributes()["user.id"]

    assert await asyncio.gather(serve("a"), serve("b")) == ["a", "b"]
    assert identity_attributes() == {}


@pytest.mark.parametrize(
    ("given", "kept"),
    [("a\r\nx-evil: 1", "ax-evil: 1"), ("e\u0301", "é"), ("x" * 1000, "x" * 256), (" a ", "a")],
)
def test_ids_are_made_safe_for_a_header(given: str, kept: str) -> None:
    with user(given):
        assert proxy_headers() == {"x-tollkeeper-user": kept}


def test_a_span_takes_attributes_while_it_is_open(spans: Spans) -> None:
    @observe
    def working() -> None:
        update_span({"hits": 3, "tags": ["a", "b"]}, name="renamed", input="in", output={"o": 1})

    working()
    attributes = spans.named("renamed").attributes
    assert attributes is not None
    assert attributes["hits"] == 3
    assert attributes["tags"] == '["a", "b"]'
    assert attributes["input.value"] == "in"
    assert attributes["output.value"] == '{"o": 1}'
