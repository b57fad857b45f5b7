"""The built-in provider does what its model's name says, the same every time."""

import json
from typing import Any

import pytest
from tests.proxy.wire import recorded

from tollkeeper_proxy.errors import UpstreamError
from tollkeeper_proxy.upstream import Origin, Timeouts, UpstreamAnswer, UpstreamCall
from tollkeeper_proxy.upstream.demo import DemoUpstream


async def send(model: str, **fields: Any) -> UpstreamAnswer:
    document = {"model": model, "messages": [{"role": "user", "content": "Hi there!"}], **fields}
    body = json.dumps(document).encode()
    call = UpstreamCall(Origin("http", "demo.invalid", 80), b"", body, Timeouts())
    return await DemoUpstream().send(call)


async def whole(model: str, **fields: Any) -> Any:
    answer = await send(model, **fields)
    return json.loads(await answer.read_all(1_000_000))


async def pieces(answer: UpstreamAnswer) -> list[bytes]:
    found = []
    while piece := await answer.read():
        found.append(piece)
    return found


async def test_echo_gives_the_last_user_message_back() -> None:
    messages = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "no"},
        {"role": "user", "content": "last é🌍"},
        {"role": "system", "content": "no"},
    ]
    answer = await whole("echo", messages=messages)
    assert answer["choices"][0]["message"] == {
        "role": "assistant",
        "content": "last é🌍",
        "refusal": None,
    }
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["model"] == "echo"


async def test_the_same_question_gets_the_same_bytes_and_another_another_id() -> None:
    async def body(text: str) -> bytes:
        answer = await send("echo", messages=[{"role": "user", "content": text}])
        return await answer.read_all(10_000)

    assert await body("a") == await body("a")
    assert json.loads(await body("a"))["id"] != json.loads(await body("b"))["id"]


@pytest.mark.parametrize(
    "text", ["", "word", "two words", " lead", "trail ", "\n\n", "a\t b\n", "é🌍"]
)
async def test_a_stream_says_what_the_whole_answer_says(text: str) -> None:
    messages = [{"role": "user", "content": text}]
    answer = await send("echo", messages=messages, stream=True)
    assert dict(answer.headers)["content-type"].startswith("text/event-stream")
    stream = b"".join(await pieces(answer))
    chunks = recorded.documents(stream)
    said = "".join(c["delta"].get("content") or "" for d in chunks for c in d["choices"])
    assert (
        said == text == (await whole("echo", messages=messages))["choices"][0]["message"]["content"]
    )
    assert [c["finish_reason"] for d in chunks for c in d["choices"]][-1] == "stop"
    assert stream.endswith(b"data: [DONE]\n\n")
    assert not any("usage" in each for each in chunks)


async def test_a_stream_comes_in_events_of_about_a_word() -> None:
    messages = [{"role": "user", "content": "one two three"}]
    assert len(await pieces(await send("echo", messages=messages, stream=True))) == 6


async def test_a_long_text_without_words_is_split_in_no_time() -> None:
    messages = [{"role": "user", "content": " " * 200_000 + "\n" * 200_000}]
    assert await pieces(await send("echo", messages=messages, stream=True))


async def test_usage_comes_when_asked_for() -> None:
    answer = await send("echo", stream=True, stream_options={"include_usage": True})
    last = recorded.documents(b"".join(await pieces(answer)))[-1]
    assert last["choices"] == []
    assert last["usage"] == (await whole("echo"))["usage"]
    told = last["usage"]
    assert told["total_tokens"] == told["prompt_tokens"] + told["completion_tokens"]


async def test_tools_calls_the_first_tool() -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "weather", "parameters": parameters}}
    choice = (await whole("tools", tools=[tool]))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    function = choice["message"]["tool_calls"][0]["function"]
    assert function == {"name": "weather", "arguments": '{"city":"Hi there!"}'}
    stream = b"".join(await pieces(await send("tools", tools=[tool], stream=True)))
    deltas = [c["delta"] for d in recorded.documents(stream) for c in d["choices"]]
    streamed = [call for delta in deltas for call in delta.get("tool_calls", [])]
    assert [call["function"] for call in streamed] == [function]


@pytest.mark.parametrize("tools", [None, [], ["x"], [{"type": "function"}], [{"function": 3}]])
async def test_tools_without_a_sound_tool_still_answers(tools: object) -> None:
    assert (await whole("tools", tools=tools))["choices"]


@pytest.mark.parametrize(("model", "status"), [("fail-429", 429), ("fail-503", 503), ("fail", 500),
    ("fail-200", 500), ("fail-99", 500), ("fail-1e5", 404)])  # fmt: skip
async def test_fail_answers_with_its_status(model: str, status: int) -> None:
    answer = await send(model)
    assert answer.status == status
    assert ("retry-after", "1") in answer.headers or status != 429
    assert json.loads(await answer.read_all(10_000))["error"]["message"]


async def test_cut_breaks_a_stream_off() -> None:
    answer = await send("cut-3", stream=True)
    for _ in range(3):
        assert await answer.read()
    with pytest.raises(UpstreamError) as error:
        await answer.read()
    assert error.value.fault == "connection_lost"


async def test_slow_takes_its_time() -> None:
    assert (await whole("slow-0.01"))["choices"]


async def test_an_unknown_model_is_named_so() -> None:
    answer = await send("nonsense")
    assert answer.status == 404
    assert json.loads(await answer.read_all(10_000))["error"]["code"] == "model_not_found"


async def test_a_closed_answer_gives_no_more() -> None:
    answer = await send("echo", stream=True)
    await answer.read()
    answer.close()
    assert await answer.read() == b""


@pytest.mark.parametrize("kind", ["echo", "tools", "slow", "fail", "cut"])
@pytest.mark.parametrize("number", ["0", "9" * 400, ".", "1.", ".5", "1.2.3", "-1", "nan", "٣"])
async def test_no_number_in_a_name_makes_it_fail(kind: str, number: str) -> None:
    assert (await send(f"{kind}-{number}")).status in range(200, 600)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "user", "content": None}],
        [{"role": "user"}],
        [{"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": None}]}],
        [{"role": "user", "content": ["x"]}],
        [{"content": "no role"}],
    ],
)
async def test_odd_messages_are_answered_with_nothing(messages: list[Any]) -> None:
    assert (await whole("echo", messages=messages))["choices"][0]["message"]["content"] == ""


async def test_content_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}]
    answer = await whole("echo", messages=[{"role": "user", "content": parts}])
    assert answer["choices"][0]["message"]["content"] == "ab"
