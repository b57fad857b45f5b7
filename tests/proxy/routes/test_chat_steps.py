"""A chat completion stopped at each of its steps, between two ends that live in memory.

What it does over a real connection stands in ``test_chat``; here the world can be halted anywhere.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.equipment.canary import CANARY
from tests.equipment.script import DONE, answer, error, stream
from tests.proxy.exchanges import exchange
from tests.proxy.routes.ends import EVENTS, Gate, MemorySink, ScriptedUpstream

from tollkeeper.pricing import price_of
from tollkeeper_proxy.errors import UpstreamError
from tollkeeper_proxy.exchange import Exchange, Refusal, Target
from tollkeeper_proxy.pipeline import Pipeline
from tollkeeper_proxy.policies import TextEditor
from tollkeeper_proxy.routes.chat import ChatCompletions
from tollkeeper_proxy.routing.providers import build_provider, configured_providers
from tollkeeper_proxy.server.closing import ClosingTime
from tollkeeper_proxy.settings import ProviderSettings
from tollkeeper_proxy.upstream.forward import Forwarder
from tollkeeper_proxy.wire import Answer

WHOLE = answer("hello").body
STREAM = stream("hel", "lo").events
USAGE_CHUNK, FIRST_CHUNK = STREAM[-2], STREAM[0]
LAB = build_provider("lab", ProviderSettings(base_url="http://lab.test/v1", api_key=CANARY))


@dataclass(slots=True)
class Noting:
    """A policy that counts its settlements and does on the way in what it is told."""

    gate: Gate = field(default_factory=Gate)
    does: Refusal | Answer | Exception | None = None
    name: str = "noting"
    settled: list[Exchange] = field(default_factory=list)

    async def on_request(self, exchange: Exchange) -> Refusal | Answer | None:
        await self.gate.step()
        if isinstance(self.does, Exception):
            raise self.does
        return self.does

    def on_done(self, exchange: Exchange) -> None:
        self.settled.append(exchange)


@dataclass(slots=True)
class Shouting(Noting):
    """A policy that edits the answer's text; ``fails`` says when it breaks down."""

    fails: str = ""

    def open_text(self, exchange: Exchange) -> TextEditor:
        if self.fails == "open":
            raise RuntimeError("a bug in the editor")
        return _Upper(self.fails)


@dataclass(slots=True)
class _Upper:
    fails: str

    def feed(self, text: str) -> str:
        if self.fails == "feed" and "lo" in text:
            raise RuntimeError("a bug in the editor")
        return text.upper()

    def finish(self) -> str:
        return ""


@dataclass(slots=True)
class Scene:
    """One request with all that surrounds it."""

    upstream: ScriptedUpstream = field(default_factory=ScriptedUpstream)
    policy: Noting = field(default_factory=Noting)
    sink: MemorySink = field(default_factory=MemorySink)
    exchange: Exchange = field(default_factory=lambda: _unparsed(Target("demo", "echo")))
    tell_cost: bool = False
    closing: ClosingTime = field(default_factory=ClosingTime)
    emitted: list[Exchange] = field(default_factory=list)
    bugs: list[Exception] = field(default_factory=list)

    async def ask(self, body: bytes | None = None, **fields: Any) -> Exchange:
        """Serve one request to its end and return what became of it."""
        await self.route().serve(self.exchange, _body(fields) if body is None else body, self.sink)
        self.is_over()
        return self.exchange

    def route(self) -> ChatCompletions:
        providers = {**configured_providers({}, lambda _: None), "lab": LAB}
        return ChatCompletions(
            Pipeline([self.policy], report=lambda _, error: self.bugs.append(error)),
            Forwarder(providers, http=self.upstream, demo=self.upstream),
            tell_cost=self.tell_cost,
            emit=self.emitted.append,
            report_bug=lambda _, error: self.bugs.append(error),
            closing=self.closing,
        )

    def is_over(self, *, settled: int = 1) -> None:
        """Check what must hold however a request ended."""
        assert self.emitted == [self.exchange]
        assert self.policy.settled == [self.exchange] * settled
        assert self.upstream.left_open == 0
        assert self.exchange.outcome != "open"
        assert self.exchange.ended_unix_ns > 0
        assert all(attempt.ended_unix_ns for attempt in self.exchange.attempts)

    def stop_at(self, step: int) -> Gate:
        gate = Gate(step)
        self.upstream.gate = self.policy.gate = self.sink.gate = gate
        return gate


def _unparsed(target: Target) -> Exchange:
    opened = exchange(target=target)
    opened.request = None
    return opened


def _body(fields: dict[str, Any]) -> bytes:
    asked = {"model": "demo/echo", "messages": [{"role": "user", "content": "hi"}], **fields}
    return json.dumps(asked).encode()


def streamed(*pieces: bytes | BaseException, **scene: Any) -> Scene:
    return Scene(ScriptedUpstream(200, EVENTS, pieces), **scene)


def whole(body: bytes = WHOLE, status: int = 200, **scene: Any) -> Scene:
    return Scene(ScriptedUpstream(status, pieces=[body]), **scene)


async def test_a_request_goes_out_as_the_caller_wrote_it() -> None:
    scene = whole()
    body = b'{ "model":"echo", "messages":[{"role":"user","content":"\\u00e9"}], "top_p":1.50}'
    await scene.ask(body)
    (call,) = scene.upstream.calls
    assert call.body == body
    assert scene.exchange.bytes_in == len(body)


@pytest.mark.parametrize("size", [1, 7, 64])
async def test_usage_nobody_asked_for_is_asked_for_and_hidden(size: int) -> None:
    text = b"".join(STREAM)
    scene = streamed(*(text[start : start + size] for start in range(0, len(text), size)))
    ended = await scene.ask(stream=True)
    (call,) = scene.upstream.calls
    assert json.loads(call.body)["stream_options"] == {"include_usage": True}
    assert scene.sink.body == text.replace(USAGE_CHUNK, b"")
    assert ended.usage is not None
    assert ended.usage.source == "provider"


async def test_an_unknown_price_is_told_to_nobody() -> None:
    scene = streamed(*STREAM, tell_cost=True)
    scene.exchange.price = None
    scene.exchange.target = Target("lab", "unheard-of")
    ended = await scene.ask(stream=True, stream_options={"include_usage": True})
    assert b"tollkeeper" not in scene.sink.body
    assert ended.cost_nanousd is None


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
async def test_a_providers_error_is_handed_on(status: int) -> None:
    body = error(status, "so it is").body
    scene = whole(body, status)
    ended = await scene.ask()
    assert (scene.sink.status, scene.sink.body) == (status, body)
    assert (ended.outcome, ended.status, ended.answer) == ("failed", status, None)
    assert ended.error_type == "server_error"
    assert (ended.usage, ended.cost_nanousd) == (None, 0)


async def test_an_error_to_a_stream_is_whole() -> None:
    scene = Scene(ScriptedUpstream(429, EVENTS, [error(429).body]))
    await scene.ask(stream=True)
    assert (scene.sink.status, scene.sink.streams) == (429, False)


@pytest.mark.parametrize(
    ("fault", "status"),
    [("connect_failed", 502), ("first_byte_timeout", 504), ("pool_exhausted", 503)],
)
async def test_a_provider_that_never_answers_is_told_as_one(fault: Any, status: int) -> None:
    scene = Scene(ScriptedUpstream(error=UpstreamError(fault, "no answer")))
    ended = await scene.ask()
    assert scene.sink.status == status
    assert json.loads(scene.sink.body)["error"]["code"] == fault
    assert "x-should-retry" not in scene.sink.headers
    assert (ended.outcome, ended.error_type) == ("failed", fault)
    assert ended.attempts[0].error_type == fault


async def test_a_whole_answer_that_breaks_off_is_not_begun() -> None:
    scene = Scene(
        ScriptedUpstream(pieces=[WHOLE[:20], UpstreamError("connection_lost", "it broke off")])
    )
    ended = await scene.ask()
    assert scene.sink.status == 502
    assert ended.outcome == "failed"
    assert ended.usage is not None
    assert ended.usage.source == "estimated"


async def test_a_stream_that_breaks_off_ends_with_an_error_and_is_estimated() -> None:
    scene = streamed(*STREAM[:2], UpstreamError("idle_timeout", "nothing more came"))
    ended = await scene.ask(stream=True)
    assert scene.sink.body.startswith(b"".join(STREAM[:2]))
    assert _chunks(scene.sink.body)[-1]["error"]["code"] == "idle_timeout"
    assert DONE not in scene.sink.body
    assert scene.sink.ended
    _was_cut(ended, "idle_timeout")


@pytest.mark.parametrize("cut", [0, 1, len(b"".join(STREAM[:2])) + 9])
async def test_a_stream_that_just_ends_is_no_success(cut: int) -> None:
    pieces = [b"".join(STREAM)[:cut]] if cut else []
    scene = streamed(*pieces)
    ended = await scene.ask(stream=True, stream_options={"include_usage": True})
    assert scene.sink.body.startswith(b"".join(STREAM)[:cut])
    assert b'"connection_lost"' in scene.sink.body
    assert DONE not in scene.sink.body
    _was_cut(ended, "connection_lost")


async def test_a_stream_that_said_it_is_over_needs_no_done() -> None:
    scene = streamed(*STREAM[:-2])
    ended = await scene.ask(stream=True)
    assert (ended.outcome, scene.sink.body) == ("complete", b"".join(STREAM[:-2]))


@pytest.mark.parametrize("pieces", [STREAM, (WHOLE,)], ids=["stream", "whole"])
async def test_a_bug_before_the_answer_begins_leaves_no_provider_waiting(
    pieces: Sequence[bytes],
) -> None:
    headers = EVENTS if len(pieces) > 1 else [("content-type", "application/json")]
    scene = Scene(ScriptedUpstream(200, headers, pieces), policy=Shouting(fails="open"))
    await scene.ask(stream=len(pieces) > 1)
    assert scene.sink.status == 500


@pytest.mark.parametrize("call", ["begin", "write", "end"])
async def test_a_caller_who_has_gone_is_noticed_at_the_next_word(call: str) -> None:
    scene = streamed(*STREAM, sink=MemorySink(leaves_at=call))
    with pytest.raises(ConnectionResetError):
        await scene.ask(stream=True)
    scene.is_over()
    assert (scene.exchange.outcome, scene.exchange.error_type) == (
        "cancelled",
        "client_disconnected",
    )
    assert scene.exchange.cost_nanousd is not None


def _was_cut(ended: Exchange, fault: str) -> None:
    assert (ended.outcome, ended.error_type, ended.answer) == ("truncated", fault, None)
    assert ended.attempts[0].error_type == fault
    assert ended.usage is not None
    assert ended.usage.source == "estimated"
    assert ended.usage.input_tokens > 0
    assert ended.cost_nanousd


def _chunks(body: bytes) -> list[Any]:
    events = [event.removeprefix(b"data: ") for event in body.split(b"\n\n")]
    return [json.loads(event) for event in events if event and event != b"[DONE]"]


SCENES: dict[str, Callable[[], Scene]] = {
    "whole": whole,
    "stream": lambda: streamed(*STREAM),
    "refused": lambda: Scene(policy=Noting(does=Refusal("a", "no"))),
    "cached": lambda: Scene(policy=Noting(does=Answer(200, "application/json", WHOLE))),
    "provider's error": lambda: whole(error(500).body, 500),
    "never answered": lambda: Scene(ScriptedUpstream(error=UpstreamError("connect_failed", "no"))),
    "cut": lambda: streamed(STREAM[0], UpstreamError("connection_lost", "cut")),
    "bug": lambda: Scene(policy=Noting(does=RuntimeError("bug"))),
}


@pytest.mark.parametrize("name", SCENES)
async def test_a_caller_may_leave_at_any_moment(name: str) -> None:
    step = 0
    while True:
        step += 1
        scene = SCENES[name]()
        gate = scene.stop_at(step)
        is_stream = scene.upstream.headers == EVENTS
        serving = asyncio.create_task(
            scene.route().serve(scene.exchange, _body({"stream": is_stream}), scene.sink)
        )
        reached = asyncio.create_task(gate.reached.wait())
        await asyncio.wait({serving, reached}, return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        if serving.done():
            break
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        scene.is_over(settled=_settled(scene, step))
        _is_accounted(scene.exchange)
    assert step > 2  # the policy and the answer, at least
    assert serving.exception() is None


@pytest.mark.parametrize("name", SCENES)
async def test_time_may_be_called_at_any_moment(name: str) -> None:
    step = 0
    while True:
        step += 1
        scene = SCENES[name]()
        gate = scene.stop_at(step)
        is_stream = scene.upstream.headers == EVENTS
        serving = asyncio.create_task(
            scene.route().serve(scene.exchange, _body({"stream": is_stream}), scene.sink)
        )
        reached = asyncio.create_task(gate.reached.wait())
        await asyncio.wait({serving, reached}, return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        if serving.done():
            break
        scene.closing.call()
        done, _ = await asyncio.wait({serving}, timeout=0.05)
        if not done:  # the route was saying its last words already: aiohttp ends those
            serving.cancel()
            await asyncio.wait({serving})
        scene.is_over(settled=_settled(scene, step))
        _is_accounted(scene.exchange)
        assert scene.exchange.error_type != "client_disconnected"
        if scene.exchange.error_type == "shutdown" and b"[DONE]" not in scene.sink.body:
            told = b'"code":"shutdown"' in scene.sink.body
            assert told or not scene.sink.streams
    assert step > 2
    assert serving.exception() is None


def _settled(scene: Scene, step: int) -> int:
    """The only policy has finished once the first gate is passed, unless it failed there."""
    return int(step > 1 and not isinstance(scene.policy.does, Exception))


def _is_accounted(ended: Exchange) -> None:
    assert price_of("demo", "echo") is not None
    if ended.attempts and ended.attempts[0].status < 400 and not ended.attempts[0].error_type:
        assert ended.usage is not None
        assert ended.cost_nanousd
    if not ended.attempts and ended.outcome == "cancelled":
        assert (ended.usage, ended.cost_nanousd) == (None, None)
