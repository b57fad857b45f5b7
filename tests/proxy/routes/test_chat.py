"""A chat completion ends exactly once, however it ends, and its caller is told the truth."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr
from tests.equipment import script
from tests.equipment.script import Ending, Script
from tests.equipment.scripted_provider import ScriptedProvider, wait_until_left
from tests.proxy.exchanges import exchange
from tests.proxy.routes.sinks import RememberingSink
from tests.proxy.wire import recorded

from tollkeeper.pricing import price_of
from tollkeeper_proxy.exchange import Exchange, Refusal, Target
from tollkeeper_proxy.pipeline import Pipeline
from tollkeeper_proxy.policies import TextEditor
from tollkeeper_proxy.routes import chat as chat_route
from tollkeeper_proxy.routes.chat import ChatCompletions
from tollkeeper_proxy.routing.providers import build_provider
from tollkeeper_proxy.settings import ProviderSettings
from tollkeeper_proxy.upstream.demo import DemoUpstream
from tollkeeper_proxy.upstream.forward import Forwarder
from tollkeeper_proxy.upstream.http import HttpUpstream
from tollkeeper_proxy.upstream.pool import ConnectionPool
from tollkeeper_proxy.wire import Answer

KEY = "sk-provider-key"


class Editor:
    """Edits as its policy says."""

    def __init__(self, policy: "House") -> None:
        self._policy = policy

    def feed(self, text: str) -> str:
        if self._policy.editor_fails and text:
            raise RuntimeError("a bug of ours")
        return text.upper()

    def finish(self) -> str:
        return ""


@dataclass(slots=True)
class House:
    """A policy that answers as told, edits when told, and counts who settled."""

    name: str = "house"
    verdict: Refusal | Answer | None = None
    fails: bool = False
    edits: bool = False
    editor_fails: bool = False
    settled: list[str] = field(default_factory=list)

    async def on_request(self, opened: Exchange) -> Refusal | Answer | None:
        if self.fails:
            raise RuntimeError("a bug of ours")
        return self.verdict

    def on_done(self, opened: Exchange) -> None:
        self.settled.append(opened.outcome)

    def open_text(self, opened: Exchange) -> TextEditor | None:
        return Editor(self) if self.edits else None


@dataclass(slots=True)
class Desk:
    """The route under test, with a scripted provider behind it."""

    provider: ScriptedProvider
    pool: ConnectionPool
    house: House = field(default_factory=House)
    tell_cost: bool = False
    emitted: list[Exchange] = field(default_factory=list)
    bugs: list[Exception] = field(default_factory=list)

    async def ask(
        self, scripted: Script | None = None, *, sink: RememberingSink | None = None, **fields: Any
    ) -> tuple[RememberingSink, Exchange]:
        """Serve one request whose answer is scripted; return what the caller got, and the end."""
        if scripted is not None:
            self.provider.play("m", scripted)
        sink = sink or RememberingSink()
        document = {"model": "lab/m", "messages": [{"role": "user", "content": "hi"}], **fields}
        await self.serve(json.dumps(document).encode(), sink)
        return sink, self.emitted[-1]

    async def serve(self, body: bytes, sink: RememberingSink) -> None:
        opened = exchange(target=Target("lab", "m"))
        opened.request = None
        opened.price = price_of("openai", "gpt-4o-mini")
        await self.route().serve(opened, body, sink)

    def route(self) -> ChatCompletions:
        section = ProviderSettings(base_url=self.provider.base_url, api_key=SecretStr(KEY))
        providers = {"lab": build_provider("lab", section)}
        return ChatCompletions(
            Pipeline([self.house], report=lambda name, error: self.bugs.append(error)),
            Forwarder(providers, HttpUpstream(self.pool), DemoUpstream()),
            tell_cost=self.tell_cost,
            emit=self.emitted.append,
            report_bug=lambda opened, error: self.bugs.append(error),
        )

    def ended_once(self) -> Exchange:
        """Return the one exchange that was told of, after checking that it was settled once."""
        assert len(self.emitted) == 1
        assert len(self.house.settled) == (0 if self.house.fails else 1)
        ended = self.emitted[0]
        assert ended.outcome != "open"
        assert ended.ended_unix_ns > 0
        assert all(attempt.ended_unix_ns for attempt in ended.attempts)
        return ended


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    with ScriptedProvider() as provider:
        made = Desk(provider, ConnectionPool())
        yield made
        made.pool.close()


# Whole answers


async def test_a_whole_answer_passes_as_it_is(desk: Desk) -> None:
    plain = script.answer("hello")
    sink, ended = await desk.ask(plain)
    assert sink.status == 200
    assert sink.body == plain.body
    assert sink.headers["x-tollkeeper-model"] == "m"
    assert sink.headers["x-tollkeeper-cost-usd"]
    assert sink.headers["content-type"] == "application/json"
    assert desk.ended_once() is ended
    assert (ended.outcome, ended.status, ended.error_type) == ("complete", 200, "")
    assert ended.answer == Answer(200, "application/json", plain.body)
    assert ended.usage is not None
    assert (ended.usage.input_tokens, ended.usage.source) == (11, "provider")
    assert (ended.bytes_in > 0, ended.bytes_out) == (True, len(plain.body))


async def test_the_user_a_body_names_is_the_callers(desk: Desk) -> None:
    _, ended = await desk.ask(script.answer("hello"), user="ada")
    assert ended.caller.user == "ada"


async def test_a_providers_error_passes_without_our_key(desk: Desk) -> None:
    sink, ended = await desk.ask(
        script.error(429, f"bad key {KEY}", headers=(("Retry-After", "7"),))
    )
    assert sink.status == 429
    assert sink.headers["retry-after"] == "7"
    assert KEY.encode() not in sink.body
    assert b"bad key ***" in sink.body
    assert (ended.outcome, ended.error_type) == ("failed", "server_error")
    assert (ended.usage, ended.cost_nanousd, ended.answer) == (None, 0, None)
    desk.ended_once()


async def test_a_json_answer_to_a_stream_is_passed_as_json(desk: Desk) -> None:
    sink, _ = await desk.ask(script.error(400), stream=True)
    assert sink.status == 400
    assert json.loads(sink.body)["error"]["message"]
    assert desk.ended_once().outcome == "failed"


async def test_an_edited_answer_is_edited(desk: Desk) -> None:
    desk.house.edits = True
    sink, _ = await desk.ask(script.answer("hello"))
    assert json.loads(sink.body)["choices"][0]["message"]["content"] == "HELLO"


async def test_an_answer_that_must_be_edited_and_cannot_be_read_does_not_pass(desk: Desk) -> None:
    desk.house.edits = True
    sink, _ = await desk.ask(script.answer().but(body=b'{"secret'))
    assert sink.status == 502
    assert b"secret" not in sink.body
    assert desk.ended_once().error_type == "bad_response"


async def test_an_answer_larger_than_can_be_held_is_not_passed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_route, "MAX_ANSWER_BYTES", 1_000)
    sink, _ = await desk.ask(script.answer("x" * 2_000))
    assert sink.status == 502
    assert json.loads(sink.body)["error"]["code"] == "too_large"
    assert desk.ended_once().usage is not None


# Streams


async def test_a_stream_passes_as_it_is(desk: Desk) -> None:
    plain = script.stream("Hé", "llo")
    sink, ended = await desk.ask(plain, stream=True, stream_options={"include_usage": True})
    assert sink.body == b"".join(plain.events)
    assert sink.ended
    assert ended.outcome == "complete"
    assert ended.answer == Answer(
        200, "text/event-stream; charset=utf-8", b"".join(plain.events), stream=True
    )
    assert ended.bytes_out == len(sink.body)
    assert desk.ended_once().usage is not None


async def test_a_usage_chunk_nobody_asked_for_is_counted_and_hidden(desk: Desk) -> None:
    plain = script.stream("a")
    sink, ended = await desk.ask(plain, stream=True)
    assert b'"usage"' not in sink.body
    assert sink.body == b"".join(e for e in plain.events if b'"usage"' not in e)
    assert ended.usage is not None
    assert ended.usage.source == "provider"


async def test_the_cost_is_told_beside_the_usage_when_wanted(desk: Desk) -> None:
    desk.tell_cost = True
    sink, ended = await desk.ask(
        script.stream("a"), stream=True, stream_options={"include_usage": True}
    )
    told = next(d["usage"] for d in recorded.documents(sink.body) if d.get("usage"))
    assert float(told["tollkeeper"]["cost_usd"]) == (ended.cost_nanousd or 0) / 1e9 > 0


async def test_a_stream_without_usage_is_estimated(desk: Desk) -> None:
    _, ended = await desk.ask(script.stream("hello", usage=False), stream=True)
    assert ended.outcome == "complete"
    assert ended.usage is not None
    assert (ended.usage.source, ended.usage.output_tokens) == ("estimated", 1)


@pytest.mark.parametrize("ending", ["fin", "rst"])
@pytest.mark.parametrize("part", range(8))
async def test_a_stream_cut_at_any_byte_ends_once_and_never_as_a_success(
    desk: Desk, ending: Ending, part: int
) -> None:
    plain = script.stream("one ", "two ", "three")
    said_end = len(b"".join(plain.events[:-2])) - 2  # without it nobody said that it was over
    for place in range(part * 11, said_end, 88):
        desk.emitted.clear()
        desk.house.settled.clear()
        sink, ended = await desk.ask(plain.but(cut_after=place, ending=ending), stream=True)
        assert desk.ended_once() is ended
        assert ended.outcome == ("failed" if sink.status != 200 else "truncated")
        assert ended.error_type == "connection_lost"
        assert ended.usage is not None
        assert ended.usage.source == "estimated"
        assert ended.usage.input_tokens > 0
        assert ended.cost_nanousd
        assert b"[DONE]" not in sink.body
        assert ended.answer is None
        assert sink.ended
        last = sink.body.rstrip().rpartition(b"\n\n")[2].removeprefix(b"data: ")
        assert json.loads(last)["error"]["code"] == "connection_lost"


async def test_an_error_inside_a_stream_is_a_failure_the_caller_sees(desk: Desk) -> None:
    events = script.stream("a").events[:2]
    error = b'data: {"error":{"message":"overloaded","code":"overloaded"}}\n\n'
    sink, ended = await desk.ask(
        Script(headers=script.EVENTS, events=(*events, error), framing="chunked"), stream=True
    )
    assert sink.body.endswith(error)
    assert sink.ended
    assert desk.ended_once() is ended
    assert (ended.outcome, ended.error_type) == ("failed", "overloaded")
    assert ended.usage is not None
    assert ended.answer is None


async def test_an_event_without_an_end_is_stopped_and_told(desk: Desk) -> None:
    sink, _ = await desk.ask(script.huge_event(3_000_000).but(ending="hang"), stream=True)
    last = sink.body.rpartition(b"\n\ndata: ")[2]
    assert json.loads(last)["error"]["code"] == "bad_response"
    assert desk.ended_once().outcome == "truncated"
    await asyncio.to_thread(wait_until_left, desk.provider.received[0])


async def test_an_edited_stream_is_edited(desk: Desk) -> None:
    desk.house.edits = True
    sink, _ = await desk.ask(script.stream("hel", "lo"), stream=True)
    said = [c["delta"].get("content") for d in recorded.documents(sink.body) for c in d["choices"]]
    assert "".join(s for s in said if s) == "HELLO"


# Who says no


@pytest.mark.parametrize(
    ("body", "param"),
    [(b"", None), (b"{}", "model"), (b'{"model":"m","messages":[],"n":0}', "n")],
)
async def test_a_request_that_makes_no_sense_is_refused(
    desk: Desk, body: bytes, param: str | None
) -> None:
    sink = RememberingSink()
    await desk.serve(body, sink)
    assert sink.status == 400
    assert json.loads(sink.body)["error"]["param"] == param
    assert sink.headers["x-should-retry"] == "false"
    assert desk.emitted[0].outcome == "refused"
    assert desk.house.settled == []
    assert desk.provider.received == []


async def test_a_policys_no_reaches_the_caller_and_no_provider(desk: Desk) -> None:
    desk.house.verdict = Refusal("budget", "spent", status=429, code="insufficient_quota",
                                 retryable=True, retry_after_s=3)  # fmt: skip
    sink, ended = await desk.ask()
    assert (sink.status, sink.headers["retry-after"]) == (429, "3")
    assert json.loads(sink.body)["error"]["message"] == "spent"
    assert desk.provider.received == []
    assert desk.ended_once() is ended
    assert (ended.outcome, ended.error_type) == ("refused", "insufficient_quota")
    assert (ended.usage, ended.cost_nanousd) == (None, None)


async def test_a_policys_answer_is_given_for_nothing(desk: Desk) -> None:
    desk.house.verdict = Answer(200, "application/json", b'{"kept":1}', (("x-kept", "yes"),))
    sink, ended = await desk.ask()
    assert (sink.status, sink.body, sink.headers["x-kept"]) == (200, b'{"kept":1}', "yes")
    assert sink.headers["content-type"] == "application/json"
    assert desk.provider.received == []
    assert desk.ended_once() is ended
    assert (ended.outcome, ended.cost_nanousd) == ("cached", 0)


async def test_a_provider_that_cannot_be_reached_is_a_502(desk: Desk) -> None:
    desk.provider.close()
    sink, ended = await desk.ask()
    assert sink.status == 502
    assert json.loads(sink.body)["error"]["code"] == "connect_failed"
    assert "x-should-retry" not in sink.headers
    assert desk.ended_once() is ended
    assert (ended.outcome, ended.cost_nanousd) == ("failed", 0)
    assert ended.attempts[0].error_type == "connect_failed"


# Our own faults


async def test_a_bug_of_ours_is_a_500_and_is_reported(desk: Desk) -> None:
    desk.house.fails = True
    sink, ended = await desk.ask()
    assert sink.status == 500
    assert json.loads(sink.body)["error"]["code"] == "internal_error"
    assert [str(bug) for bug in desk.bugs] == ["a bug of ours"]
    assert desk.ended_once() is ended
    assert ended.outcome == "failed"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_bug_while_editing_leaks_nothing_and_keeps_the_answers_form(
    desk: Desk, stream: bool
) -> None:
    desk.house.edits = desk.house.editor_fails = True
    scripted = script.stream("secret") if stream else script.answer("secret")
    sink, ended = await desk.ask(scripted, stream=stream)
    assert b"secret" not in sink.body
    assert sink.ended
    last = sink.body.rstrip().rpartition(b"\n\n")[2].removeprefix(b"data: ")
    assert json.loads(last)["error"]["code"] == "internal_error"
    assert sink.status == (200 if stream else 500)
    assert desk.ended_once() is ended
    assert ended.outcome in {"failed", "truncated"}
    assert desk.bugs


# Callers who leave (R3, R4)


@pytest.mark.parametrize(
    ("phase", "stream"),
    [
        pytest.param(script.answer().but(header_delay_s=30.0), False, id="before the head"),
        pytest.param(script.stream("a").but(header_delay_s=30.0), True, id="before a stream"),
        pytest.param(script.answer().but(cut_after=20, ending="hang"), False, id="in a body"),
        pytest.param(script.stream("a", "b").but(event_delay_s=30.0), True, id="between events"),
    ],
)
async def test_a_caller_who_leaves_in_any_phase_is_accounted_once(
    desk: Desk, phase: Script, stream: bool
) -> None:
    task = asyncio.create_task(desk.ask(phase, stream=stream))
    await asyncio.to_thread(desk.provider.wait_for, "m")
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(wait_until_left, desk.provider.received[0])
    ended = desk.ended_once()
    assert (ended.outcome, ended.error_type) == ("cancelled", "client_disconnected")
    assert ended.usage is not None
    assert ended.usage.source == "estimated"
    assert ended.usage.input_tokens > 0
    assert ended.cost_nanousd


async def test_a_caller_found_gone_when_written_to_is_accounted_once(desk: Desk) -> None:
    sink = RememberingSink(leaves_after=2)
    with pytest.raises(ConnectionResetError):
        await desk.ask(script.stream(*"abcdef").but(event_delay_s=0.01), sink=sink, stream=True)
    await asyncio.to_thread(wait_until_left, desk.provider.received[0])
    assert desk.ended_once().outcome == "cancelled"


async def test_what_went_by_before_the_caller_left_is_what_is_paid(desk: Desk) -> None:
    sink = RememberingSink(leaves_after=3)
    with pytest.raises(ConnectionResetError):
        await desk.ask(
            script.stream("one", " two", " three", " four").but(event_delay_s=0.02),
            sink=sink,
            stream=True,
        )
    ended = desk.ended_once()
    assert ended.summary is not None
    assert ended.usage is not None
    assert 2 <= ended.usage.output_tokens <= 4
