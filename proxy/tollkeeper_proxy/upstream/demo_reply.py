"""The demo provider's replies, whole or in events: the last user message given back.

Deterministic: the same request gets the same bytes. Shapes: OpenAI API reference, chat completions.
"""

import re
from collections.abc import Iterator
from typing import Final

import orjson

from tollkeeper_proxy.upstream.demo_schema import example_of

CREATED: Final = 1_750_000_000  # a fixed moment: the same question gets the same bytes
_WORD: Final = re.compile(r"\S+\s*|\s+")  # each begins differently: no way back, no slow text
BYTES_PER_TOKEN: Final = 4  # a rule of thumb for English text; the demo charges by it


class DemoReply:
    """One deterministic reply, as a whole or in events."""

    def __init__(self, request: dict[str, object], digest: str, *, calls_tools: bool) -> None:
        self._request = request
        self._text = _last_user_text(request)
        self._id = f"chatcmpl-demo-{digest[:24]}"
        tools = request.get("tools")
        self._tool = tools[0] if calls_tools and isinstance(tools, list) and tools else None
        schema = _schema(request)
        if schema is not None:
            self._text = orjson.dumps(example_of(schema, self._text)).decode()

    def whole(self) -> bytes:
        message: dict[str, object] = {"role": "assistant", "content": self._text, "refusal": None}
        if self._tool is not None:
            message |= {"content": None, "tool_calls": [self._call()]}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._reason()}
        return orjson.dumps(
            {**self._envelope("chat.completion"), "choices": [choice], "usage": self._usage()}
        )

    def events(self) -> Iterator[bytes]:
        yield self._event({"role": "assistant", "content": ""})
        if self._tool is not None:
            yield self._event({"tool_calls": [{"index": 0, **self._call()}]})
        else:
            for word in _WORD.findall(self._text):
                yield self._event({"content": word})
        yield self._event({}, reason=self._reason())
        options = self._request.get("stream_options")
        if isinstance(options, dict) and options.get("include_usage"):
            envelope = self._envelope("chat.completion.chunk")
            yield (
                b"data: "
                + orjson.dumps({**envelope, "choices": [], "usage": self._usage()})
                + b"\n\n"
            )
        yield b"data: [DONE]\n\n"

    def _event(self, delta: dict[str, object], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return (
            b"data: "
            + orjson.dumps({**self._envelope("chat.completion.chunk"), "choices": [choice]})
            + b"\n\n"
        )

    def _envelope(self, kind: str) -> dict[str, object]:
        return {
            "id": self._id,
            "object": kind,
            "created": CREATED,
            "model": f"{self._request['model']}",
        }

    def _reason(self) -> str:
        return "tool_calls" if self._tool is not None else "stop"

    def _call(self) -> dict[str, object]:
        function = self._tool.get("function") if isinstance(self._tool, dict) else None
        function = function if isinstance(function, dict) else {}
        arguments = orjson.dumps(example_of(function.get("parameters"), self._text)).decode()
        return {
            "id": f"call_{self._id[-24:]}",
            "type": "function",
            "function": {"name": str(function.get("name", "")), "arguments": arguments},
        }

    def _usage(self) -> dict[str, int]:
        prompt = _tokens(orjson.dumps(self._request.get("messages")))
        completion = _tokens(self._text.encode())
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }


def _tokens(text: bytes) -> int:
    return max(1, -(-len(text) // BYTES_PER_TOKEN))


def _last_user_text(request: dict[str, object]) -> str:
    messages = request.get("messages")
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, list):
                return "".join(str(p.get("text") or "") for p in content if isinstance(p, dict))
            return str(content or "")
    return ""


def _schema(request: dict[str, object]) -> object:
    wanted = request.get("response_format")
    if not isinstance(wanted, dict):
        return None
    if wanted.get("type") == "json_object":
        return {"type": "object", "properties": {"text": {"type": "string"}}}
    schema = wanted.get("json_schema")
    return schema.get("schema") if isinstance(schema, dict) else None
