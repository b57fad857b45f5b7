"""The official OpenAI SDK, with only its base URL changed, against the built-in provider."""

import asyncio
import json
from collections.abc import Iterator

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionToolParam
from pydantic import BaseModel
from tests.equipment import script
from tests.equipment.scripted_provider import ScriptedProvider
from tests.equipment.stack import Stack

QUESTION = "Which rivers meet in Koblenz? Rhein und Mosel — 北京 🌍"
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


class Capital(BaseModel):
    """What the structured answer must be."""

    country: str
    city: str


@pytest.fixture
def client(stack: Stack) -> Iterator[OpenAI]:
    with OpenAI(base_url=stack.base_url, api_key=stack.key, max_retries=0) as made:
        yield made


def test_a_whole_answer(client: OpenAI) -> None:
    completion = client.chat.completions.create(model="demo/echo", messages=_ask(QUESTION))
    assert completion.choices[0].message.content == QUESTION
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.total_tokens > 0


def test_a_streamed_answer_is_the_same_text(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(model="demo/echo", messages=_ask(QUESTION), stream=True)
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == QUESTION
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_usage_is_on_a_stream_only_when_asked_for(client: OpenAI) -> None:
    plain = list(
        client.chat.completions.create(model="demo/echo", messages=_ask("hi"), stream=True)
    )
    asked = list(
        client.chat.completions.create(
            model="demo/echo",
            messages=_ask("hi"),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert not any(chunk.usage for chunk in plain)
    assert all(chunk.choices for chunk in plain)
    assert asked[-1].usage is not None
    assert not asked[-1].choices


async def test_the_async_client_whole_and_streamed(stack: Stack) -> None:
    async with AsyncOpenAI(base_url=stack.base_url, api_key=stack.key) as client:
        whole = await client.chat.completions.create(model="demo/echo", messages=_ask(QUESTION))
        stream = await client.chat.completions.create(
            model="demo/echo", messages=_ask(QUESTION), stream=True
        )
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert whole.choices[0].message.content == text == QUESTION


async def test_many_callers_at_once_get_their_own_answers(stack: Stack) -> None:
    async with AsyncOpenAI(base_url=stack.base_url, api_key=stack.key) as client:
        questions = [f"question {number}" for number in range(60)]
        answers = await asyncio.gather(
            *(
                client.chat.completions.create(model="demo/echo", messages=_ask(question))
                for question in questions
            )
        )
    assert [answer.choices[0].message.content for answer in answers] == questions


@pytest.mark.parametrize("streamed", [False, True])
def test_tools_are_called_and_their_results_taken(client: OpenAI, streamed: bool) -> None:
    if streamed:
        with client.chat.completions.stream(
            model="demo/tools", messages=_ask("Weather in Bonn?"), tools=[WEATHER]
        ) as stream:
            completion = stream.get_final_completion()
        message = completion.choices[0].message
    else:
        message = (
            client.chat.completions.create(
                model="demo/tools", messages=_ask("Weather in Bonn?"), tools=[WEATHER]
            )
            .choices[0]
            .message
        )
    assert message.tool_calls
    call = message.tool_calls[0]
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert isinstance(json.loads(call.function.arguments), dict)
    after = client.chat.completions.create(
        model="demo/echo",
        messages=[
            *_ask("Weather in Bonn?"),
            {"role": "assistant", "tool_calls": [call.model_dump()]},  # type: ignore[list-item, misc]  # the SDK's own dump of its own type
            {"role": "tool", "tool_call_id": call.id, "content": "rain"},
        ],
        tools=[WEATHER],
    )
    assert after.choices[0].message.content


def test_structured_output_is_parsed(client: OpenAI) -> None:
    completion = client.chat.completions.parse(
        model="demo/echo", messages=_ask("Austria and Vienna"), response_format=Capital
    )
    assert isinstance(completion.choices[0].message.parsed, Capital)


def test_models_are_listed(client: OpenAI) -> None:
    assert "demo/echo" in {model.id for model in client.models.list()}


def test_raw_responses_show_our_headers(client: OpenAI) -> None:
    response = client.chat.completions.with_raw_response.create(
        model="demo/echo", messages=_ask("hi")
    )
    assert response.headers["x-tollkeeper-provider"] == "demo"
    assert response.headers["x-tollkeeper-model"] == "echo"
    assert response.headers["x-request-id"] == response.request_id
    assert response.parse().choices[0].message.content == "hi"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (409, openai.ConflictError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
def test_a_providers_error_is_the_sdks_own_class(
    client: OpenAI, status: int, kind: type[openai.APIStatusError]
) -> None:
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model=f"demo/fail-{status}", messages=_ask("hi"))
    assert caught.value.status_code == status
    assert caught.value.request_id
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["message"]


def test_a_key_nobody_knows_is_an_authentication_error(stack: Stack) -> None:
    unknown = "tk-" + "0" * 43
    with (
        OpenAI(base_url=stack.base_url, api_key=unknown, max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.chat.completions.create(model="demo/echo", messages=_ask("hi"))
    assert unknown not in str(caught.value)


def test_a_model_nobody_knows_is_not_found_and_the_nearest_is_named(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="demo/ecco", messages=_ask("hi"))
    assert caught.value.code == "model_not_found"


def test_a_slow_provider_is_a_timeout_of_the_caller(stack: Stack) -> None:
    with (
        OpenAI(base_url=stack.base_url, api_key=stack.key, max_retries=0, timeout=0.3) as client,
        pytest.raises(openai.APITimeoutError),
    ):
        client.chat.completions.create(model="demo/slow-5", messages=_ask("hi"))


def test_a_stream_that_breaks_off_is_an_error_not_an_end(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="demo/cut-2", messages=_ask("one two three four five six"), stream=True
    )
    with pytest.raises(openai.APIError):
        list(stream)


def test_the_sdk_retries_what_a_retry_may_cure(stack: Stack, scripted: ScriptedProvider) -> None:
    model = scripted.play("sdk-retry", script.error(503, headers=(("Retry-After", "0"),)))
    with (
        OpenAI(base_url=stack.base_url, api_key=stack.key, max_retries=1) as client,
        pytest.raises(openai.InternalServerError),
    ):
        client.chat.completions.create(model=f"lab/{model}", messages=_ask("hi"))
    assert len(scripted.requests_for(model)) >= 2


def test_the_sdk_does_not_retry_what_no_retry_can_cure(stack: Stack) -> None:
    with (
        OpenAI(base_url=stack.base_url, api_key=stack.key, max_retries=2) as client,
        pytest.raises(openai.NotFoundError) as caught,
    ):
        client.chat.completions.create(model="nobody/knows-this", messages=_ask("hi"))
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_images_and_parts_reach_the_provider_untouched(
    stack: Stack, client: OpenAI, scripted: ScriptedProvider
) -> None:
    model = scripted.play("parts", script.answer("seen"))
    parts = [
        {"type": "text", "text": "What is this?"},
        {
            "type": "image_url",
            "image_url": {"url": "data:image/png;base64,aGVsbG8=", "detail": "low"},
        },
    ]
    client.chat.completions.create(
        model=f"lab/{model}",
        messages=[{"role": "user", "content": parts}],  # type: ignore[list-item, misc]  # plain parts
    )
    assert scripted.requests_for(model)[0].json()["messages"][0]["content"] == parts


def _ask(question: str) -> list[openai.types.chat.ChatCompletionMessageParam]:
    return [{"role": "user", "content": question}]
