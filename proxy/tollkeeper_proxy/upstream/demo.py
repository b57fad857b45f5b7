"""The built-in provider: answers without any account, always the same, in OpenAI's dialect.

The model's name says what it does: ``echo`` repeats the last user message; ``tools`` calls the
first tool offered; ``slow-0.2`` waits 0.2 s before the answer and between events; ``fail-429``
answers with that status; ``cut-3`` breaks the stream off after three events.
"""

import asyncio
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast

import orjson

from tollkeeper_proxy.errors import UpstreamError
from tollkeeper_proxy.upstream import UpstreamAnswer, UpstreamCall
from tollkeeper_proxy.upstream.demo_reply import DemoReply

DEFAULT_DELAY_S: Final = 0.2
MAX_DELAY_S: Final = 60.0

_BEHAVIOUR: Final = re.compile(r"(echo|tools|slow|fail|cut)(?:-([0-9]{1,9}(?:\.[0-9]{1,9})?))?")


@dataclass(frozen=True, slots=True)
class _Behaviour:
    """What one model name asks for."""

    delay_s: float = 0.0
    status: int = 200
    cut_after: int | None = None
    calls_tools: bool = False


class DemoAnswer:
    """An answer made here; implements ``UpstreamAnswer``."""

    def __init__(
        self, status: int, content_type: str, pieces: Iterator[bytes], *, behaviour: _Behaviour
    ) -> None:
        self.status = status
        self.headers = [("content-type", content_type)]
        if status == 429:
            self.headers.append(("retry-after", "1"))
        self._pieces = pieces
        self._behaviour = behaviour
        self._sent = 0

    async def read(self) -> bytes:
        behaviour = self._behaviour
        if behaviour.delay_s:
            await asyncio.sleep(behaviour.delay_s)
        if behaviour.cut_after is not None and self._sent >= behaviour.cut_after:
            raise UpstreamError("connection_lost", "the demo provider broke off, as it was told to")
        self._sent += 1
        return next(self._pieces, b"")

    async def read_all(self, limit_bytes: int) -> bytes:
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        self._pieces = iter(())


class DemoUpstream:
    """Implements ``Upstream`` without a network."""

    async def send(self, call: UpstreamCall) -> UpstreamAnswer:
        request = cast("dict[str, object]", orjson.loads(call.body))
        behaviour = _behaviour(str(request.get("model", "")))
        if behaviour is None:
            return _refused(
                404, "model_not_found", "demo has the models echo, tools, slow, fail and cut"
            )
        if behaviour.delay_s:
            await asyncio.sleep(behaviour.delay_s)
        if behaviour.status >= 400:
            return _refused(
                behaviour.status, "demo_failure", "the demo provider fails, as it was told to"
            )
        answer = DemoReply(
            request, hashlib.sha256(call.body).hexdigest(), calls_tools=behaviour.calls_tools
        )
        if request.get("stream"):
            return DemoAnswer(
                200, "text/event-stream; charset=utf-8", answer.events(), behaviour=behaviour
            )
        return DemoAnswer(200, "application/json", iter([answer.whole()]), behaviour=behaviour)


def _behaviour(model: str) -> _Behaviour | None:
    match = _BEHAVIOUR.fullmatch(model)
    if match is None:
        return None
    kind, raw = match.groups()
    number = float(raw) if raw else None
    if kind == "slow":
        return _Behaviour(delay_s=min(DEFAULT_DELAY_S if number is None else number, MAX_DELAY_S))
    if kind == "fail":
        status = 500 if number is None else int(number)
        return _Behaviour(status=status if 400 <= status <= 599 else 500)
    if kind == "cut":
        return _Behaviour(cut_after=int(number or 1))
    return _Behaviour(calls_tools=kind == "tools")


def _refused(status: int, code: str, message: str) -> DemoAnswer:
    body = orjson.dumps(
        {"error": {"message": message, "type": "demo_error", "param": None, "code": code}}
    )
    return DemoAnswer(status, "application/json", iter([body]), behaviour=_Behaviour())
