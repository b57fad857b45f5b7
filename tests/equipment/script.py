"""What a fake provider is told to do with one request: an answer, and how to spoil it."""

import gzip
import json
from dataclasses import dataclass, replace
from typing import Final, Literal

from tests.equipment.interaction import Headers

Ending = Literal["keep", "fin", "rst", "hang", "slow-close"]
Framing = Literal["length", "chunked", "close"]

JSON: Final[Headers] = (("Content-Type", "application/json"),)
EVENTS: Final[Headers] = (("Content-Type", "text/event-stream; charset=utf-8"),)
USAGE: Final = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
CREATED: Final = 1_700_000_000
ASKS_USAGE: Final = {"stream": True, "stream_options": {"include_usage": True}}
DONE: Final = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Script:
    """One answer and its faults; times in seconds, sizes in bytes of the body.

    ``cut_after`` bytes of body the connection ends as ``ending`` says; without it, after the whole
    body. ``head`` replaces the status line and headers with raw bytes; ``interim`` goes before it.
    """

    status: int = 200
    headers: Headers = JSON
    body: bytes = b""
    events: tuple[bytes, ...] = ()
    framing: Framing = "length"
    stated_length: int | None = None
    head: bytes | None = None
    interim: bytes = b""
    header_delay_s: float = 0.0
    event_delay_s: float = 0.0
    cut_after: int | None = None
    ending: Ending = "keep"
    ending_s: float = 30.0

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """Return what is written one by one: the events, or the body at once."""
        return self.events or (self.body,)

    def but(self, **changes: object) -> "Script":
        """Return this script with something else about it."""
        return replace(self, **changes)  # type: ignore[arg-type]  # names are Script's own


def answer(text: str = "hello", *, model: str = "scripted", status: int = 200) -> Script:
    """Return a whole chat completion."""
    completion = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
    }
    return Script(status=status, body=json.dumps(completion, ensure_ascii=False).encode())


def stream(*deltas: str, model: str = "scripted", usage: bool = True, done: bool = True) -> Script:
    """Return a streamed chat completion, an event for each delta."""
    events = [_event({"delta": {"role": "assistant", "content": ""}}, model)]
    events += [_event({"delta": {"content": delta}}, model) for delta in deltas]
    events.append(_event({"delta": {}, "finish_reason": "stop"}, model))
    if usage:
        events.append(_chunk([], model, usage=USAGE))
    if done:
        events.append(DONE)
    return Script(headers=EVENTS, events=tuple(events), framing="chunked")


def error(status: int, message: str = "scripted failure", *, headers: Headers = ()) -> Script:
    """Return a provider's error in the OpenAI shape."""
    body = {"error": {"message": message, "type": "server_error", "param": None, "code": None}}
    return Script(status=status, headers=(*JSON, *headers), body=json.dumps(body).encode())


def redirect(location: str, *, status: int = 307) -> Script:
    return Script(status=status, headers=(("Location", location),), body=b"moved")


def with_head(*lines: str, body: bytes = b"{}") -> Script:
    """Return an answer whose head is exactly these lines."""
    head = "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode("latin-1")
    return Script(head=head, body=body)


def length_and_chunked() -> Script:
    """Return an answer with Content-Length and Transfer-Encoding, which is a smuggling attempt."""
    return with_head(
        "Content-Type: application/json",
        "Content-Length: 2",
        "Transfer-Encoding: chunked",
        body=b"2\r\n{}\r\n0\r\n\r\n",
    )


def two_lengths() -> Script:
    return with_head("Content-Type: application/json", "Content-Length: 2", "Content-Length: 20")


def interim_flood(count: int) -> Script:
    """Return a good answer after so many interim ones."""
    return answer().but(interim=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * count)


def header_bomb(count: int, size: int) -> Script:
    return with_head(*(f"X-Bomb-{number}: {'a' * size}" for number in range(count)))


def huge_event(size_bytes: int) -> Script:
    """Return a stream of one event of this size, with no blank line to end it."""
    block = b"a" * 65_536
    blocks = (block,) * (size_bytes // len(block))
    return Script(headers=EVENTS, events=(b"data: ", *blocks), framing="chunked")


def gzipped(script: Script) -> Script:
    """Return the same answer gzip-coded, whatever the request accepted."""
    body = gzip.compress(b"".join(script.pieces), mtime=0)
    headers = (*script.headers, ("Content-Encoding", "gzip"))
    return script.but(body=body, events=(), headers=headers, framing="length")


def _event(choice: dict[str, object], model: str) -> bytes:
    return _chunk([{"index": 0, "finish_reason": None, **choice}], model)


def _chunk(
    choices: list[dict[str, object]], model: str, *, usage: dict[str, int] | None = None
) -> bytes:
    chunk: dict[str, object] = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
        "choices": choices,
    }
    if usage is not None:
        chunk["usage"] = usage
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"
