"""Calls through the proxy land in the same trace; calls to anybody else carry nothing of ours."""

from collections.abc import Iterator

import httpx
import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sdk.remembering import Remembering

from tollkeeper import observe, session, user
from tollkeeper.propagation import Origin, hook
from tollkeeper.testing import Spans

OURS = ("traceparent", "x-tollkeeper-session", "x-tollkeeper-user")


@pytest.fixture
def hooked(server: Remembering) -> Iterator[Remembering]:
    origin = Origin.of(server.url)
    assert origin is not None
    unhook = hook(origin)
    yield server
    unhook()


def ours(server: Remembering) -> list[dict[str, str]]:
    return [{k: v for k, v in heard.headers.items() if k in OURS} for heard in server.heard]


def parent_of(spans: Spans, name: str) -> str:
    context = spans.named(name).context
    assert context is not None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


def client(server: Remembering) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="tk-x", max_retries=0)


def test_the_openai_client_is_linked_with_nothing_changed_in_it(
    hooked: Remembering, spans: Spans
) -> None:
    @observe
    def answer() -> str | None:
        with client(hooked) as ai:
            done = ai.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}]
            )
            return done.choices[0].message.content

    with session("s-1"), user("añá"):
        assert answer() == "hi"
    (sent,) = ours(hooked)
    assert sent == {
        "traceparent": parent_of(spans, "answer"),
        "x-tollkeeper-session": "s-1",
        "x-tollkeeper-user": "añá",
    }


def test_the_openai_client_is_linked_while_it_streams(hooked: Remembering, spans: Spans) -> None:
    @observe
    def words() -> Iterator[str]:
        with client(hooked) as ai:
            stream = ai.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}], stream=True
            )
            for chunk in stream:
                yield chunk.choices[0].delta.content or ""

    assert "".join(words()) == "hihihi"
    assert ours(hooked) == [{"traceparent": parent_of(spans, "words")}]


async def test_the_async_openai_client_is_linked(hooked: Remembering, spans: Spans) -> None:
    @observe
    async def answer() -> str:
        async with openai.AsyncOpenAI(base_url=f"{hooked.url}/v1", api_key="tk-x") as ai:
            stream = await ai.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}], stream=True
            )
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert await answer() == "hihihi"
    assert ours(hooked) == [{"traceparent": parent_of(spans, "answer")}]


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_both_generations_of_httpx_are_reached(
    hooked: Remembering, spans: Spans, library: type[httpx]
) -> None:
    @observe
    def calling() -> None:
        with library.Client() as plain:
            plain.post(f"{hooked.url}/v1/x", json={"a": 1})

    calling()
    assert ours(hooked) == [{"traceparent": parent_of(spans, "calling")}]
    assert hooked.heard[0].body == b'{"a":1}'


def test_another_origin_gets_nothing(hooked: Remembering, spans: Spans) -> None:
    @observe
    def calling(url: str) -> None:
        with httpx.Client() as plain:
            plain.post(url)

    with Remembering() as stranger, user("ana"):
        calling(f"{stranger.url}/v1/x")
        assert ours(stranger) == [{}]


def test_a_redirect_to_another_origin_takes_nothing_along(
    hooked: Remembering, spans: Spans
) -> None:
    @observe
    def calling() -> None:
        with httpx.Client(follow_redirects=True) as plain:
            plain.post(f"{hooked.url}/v1/x", content=b"same")

    with Remembering() as stranger, user("ana"):
        hooked.redirect_to = stranger.url
        calling()
        assert ours(hooked)[0]["x-tollkeeper-user"] == "ana"
        assert ours(stranger) == [{}]
        assert stranger.heard[0].body == b"same"


def test_a_header_the_caller_set_is_left_alone(hooked: Remembering, spans: Spans) -> None:
    mine = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"

    @observe
    def calling() -> None:
        with httpx.Client() as plain:
            plain.post(f"{hooked.url}/v1/x", headers={"Traceparent": mine})

    calling()
    assert ours(hooked) == [{"traceparent": mine}]


def test_without_a_span_the_request_is_sent_as_it_was(hooked: Remembering) -> None:
    with httpx.Client() as plain:
        plain.post(f"{hooked.url}/v1/x")
    assert ours(hooked) == [{}]


def test_undoing_it_gives_back_the_librarys_own_methods(server: Remembering) -> None:
    before = httpx.HTTPTransport.handle_request, httpx2.AsyncHTTPTransport.handle_async_request
    origin = Origin.of(server.url)
    assert origin is not None
    unhook = hook(origin)
    assert httpx.HTTPTransport.handle_request is not before[0]
    unhook()
    after = httpx.HTTPTransport.handle_request, httpx2.AsyncHTTPTransport.handle_async_request
    assert after == before


def test_it_steps_aside_when_somebody_wrapped_it_meanwhile(
    server: Remembering, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    @observe
    def calling() -> None:
        with httpx.Client() as plain:
            plain.post(f"{server.url}/v1/x")

    origin = Origin.of(server.url)
    assert origin is not None
    original = httpx.HTTPTransport.handle_request
    unhook = hook(origin)
    ours_now = httpx.HTTPTransport.handle_request

    def foreign(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        return ours_now(transport, request)

    httpx.HTTPTransport.handle_request = foreign  # type: ignore[method-assign]  # as others do
    try:
        unhook()
        assert httpx.HTTPTransport.handle_request is foreign
        calling()
    finally:
        httpx.HTTPTransport.handle_request = original  # type: ignore[method-assign]  # put back
    assert ours(server) == [{}]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://localhost:4000/v1", "http://127.0.0.1:4000", True),
        ("http://[::1]:4000", "http://127.0.0.1:4000", True),
        ("https://gate.example", "https://GATE.example:443/v1", True),
        ("https://gate.example", "http://gate.example", False),
        ("https://gate.example", "https://gate.example.evil", False),
        ("https://gate.example", "https://gate.example:444", False),
        ("https://gate.example", "https://gate.example@evil", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(one: str, other: str, same: bool) -> None:
    assert (Origin.of(one) == Origin.of(other)) is same


@given(url=st.text(max_size=40))
def test_no_url_is_too_strange(url: str) -> None:
    Origin.of(url)
    Origin.of(f"http://{url}")


@pytest.mark.parametrize("url", ["", "gate:4000", "ftp://gate", "http://", "http://gate:port"])
def test_what_is_not_an_http_url_has_no_origin(url: str) -> None:
    assert Origin.of(url) is None
