"""One attempt: the right bytes to the right place with the right key, and a note of its fate."""

import json
from typing import Any

import pytest
from pydantic import SecretStr
from tests.equipment import script
from tests.equipment.scripted_provider import ScriptedProvider
from tests.proxy.exchanges import chat, exchange
from tests.proxy.upstream.conftest import Run

from tollkeeper_proxy.errors import CallerError, UpstreamError
from tollkeeper_proxy.exchange import Caller, Exchange, Target
from tollkeeper_proxy.routing.providers import Provider, build_provider
from tollkeeper_proxy.settings import ProviderSettings
from tollkeeper_proxy.upstream.demo import DemoUpstream
from tollkeeper_proxy.upstream.forward import Forwarder
from tollkeeper_proxy.upstream.http import HttpUpstream
from tollkeeper_proxy.upstream.pool import ConnectionPool
from tollkeeper_proxy.wire.openai_chat import ChatRequest

OURS = "sk-ours"


def lab(provider: ScriptedProvider, name: str = "lab") -> Provider:
    section = ProviderSettings(base_url=provider.base_url, api_key=SecretStr(OURS))
    return build_provider(name, section)


def opened(request: ChatRequest, *, name: str = "lab", credential: str = "") -> Exchange:
    return exchange(request, target=Target(name, "m"), caller=Caller(credential=credential))


async def send(provider: ScriptedProvider, sent: Exchange) -> bytes:
    """Send an exchange and return the answer's body."""
    pool = ConnectionPool()
    name = sent.target.provider if sent.target else "lab"
    forwarder = Forwarder({name: lab(provider, name)}, HttpUpstream(pool), DemoUpstream())
    try:
        assert isinstance(sent.request, ChatRequest)
        answer = await forwarder.send(sent, sent.request)
        try:
            return await answer.read_all(1_000_000)
        finally:
            answer.close()
    finally:
        pool.close()


def test_sends_the_targets_name_for_the_model_and_our_key(
    run: Run, provider: ScriptedProvider
) -> None:
    run(send(provider, opened(chat("hi"))))
    received = provider.received[0]
    assert received.json()["model"] == "m"
    assert received.target == "/v1/chat/completions"
    assert received.header("authorization") == f"Bearer {OURS}"
    assert received.header("host") == f"127.0.0.1:{provider.port}"


@pytest.mark.parametrize(
    ("credential", "sent"), [("", OURS), ("tk-a-virtual-key", OURS), ("sk-theirs", "sk-theirs")]
)
def test_a_virtual_key_never_leaves(
    run: Run, provider: ScriptedProvider, credential: str, sent: str
) -> None:
    run(send(provider, opened(chat("hi"), credential=credential)))
    raw = provider.received[0].raw_head + provider.received[0].body
    assert f"Bearer {sent}\r\n".encode() in raw
    assert b"tk-a-virtual-key" not in raw


def test_notes_the_attempt_and_its_first_byte(run: Run, provider: ScriptedProvider) -> None:
    sent = opened(chat("hi"))
    run(send(provider, sent))
    attempt = sent.attempts[0]
    assert (attempt.target, attempt.status) == (Target("lab", "m"), 200)
    assert (attempt.host, attempt.port) == ("127.0.0.1", provider.port)
    assert attempt.error_type == ""
    assert attempt.first_byte_s is not None
    assert attempt.first_byte_s > 0
    assert attempt.started_unix_ns > 0
    assert len(attempt.span_id) == 16


def test_an_attempt_that_failed_is_noted_with_its_fault(
    run: Run, provider: ScriptedProvider
) -> None:
    provider.play("m", script.redirect("http://127.0.0.1/"))
    sent = opened(chat("hi"))

    async def scenario() -> None:
        with pytest.raises(UpstreamError):
            await send(provider, sent)

    run(scenario())
    assert sent.attempts[0].error_type == "redirect_refused"
    assert sent.attempts[0].status == 0


def test_what_cannot_be_sent_is_no_attempt(run: Run, provider: ScriptedProvider) -> None:
    sent = opened(chat("hi"), credential="sk-\r\nX-Evil: 1")

    async def scenario() -> None:
        with pytest.raises(CallerError):
            await send(provider, sent)

    run(scenario())
    assert sent.attempts == []
    assert provider.received == []


@pytest.mark.parametrize(
    ("name", "fields", "options"),
    [
        ("lab", {"stream": True}, {"include_usage": True}),
        ("lab", {}, None),
        ("mistral", {"stream": True}, None),
    ],
)
def test_asks_for_usage_on_streams_where_the_provider_takes_the_wish(
    run: Run, provider: ScriptedProvider, name: str, fields: dict[str, Any], options: object
) -> None:
    run(send(provider, opened(chat("hi", **fields), name=name)))
    assert json.loads(provider.received[0].body).get("stream_options") == options


def test_the_demo_answers_without_a_network(run: Run, provider: ScriptedProvider) -> None:
    sent = exchange(chat("hi"), target=Target("demo", "echo"))

    async def scenario() -> None:
        body = await send(provider, sent)
        assert json.loads(body)["choices"][0]["message"]["content"] == "hi"

    run(scenario())
    assert provider.received == []


def test_an_unrouted_exchange_is_our_own_mistake(run: Run, provider: ScriptedProvider) -> None:
    sent = opened(chat("hi"))
    sent.target = None

    async def scenario() -> None:
        with pytest.raises(LookupError):
            await send(provider, sent)

    run(scenario())


def test_our_key_is_blanked_out_of_what_a_provider_repeats(provider: ScriptedProvider) -> None:
    pool_less = Forwarder({"lab": lab(provider)}, DemoUpstream(), DemoUpstream())
    body = b'{"error":"bad key sk-ours"}'
    assert OURS.encode() not in pool_less.without_key(opened(chat("hi")), body)
