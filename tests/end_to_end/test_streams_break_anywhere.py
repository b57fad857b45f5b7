"""A stream that breaks at any byte: what came is passed on, the break is said, the book knows it.

And callers that leave at any moment never leave a piece of their answer to the next one.
"""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import pytest
from tests.equipment import script
from tests.equipment.own_recordings import own_recordings
from tests.equipment.raw_http import NoAnswer, RawResponse, request_bytes
from tests.equipment.received import Received
from tests.equipment.script import Ending, Script
from tests.equipment.scripted_provider import ScriptedProvider
from tests.equipment.sql import Row, Sql
from tests.equipment.sse_events import documents
from tests.equipment.stack import Stack

pytestmark = pytest.mark.timeout(240)

CUTS: Final = 40  # places per stream and way to end; each takes a few milliseconds
STREAMS: Final = tuple(
    each
    for each in own_recordings()
    if each.is_stream and each.status == 200 and b"usage" in each.served_body()
)
ENDINGS: Final[tuple[Ending, ...]] = ("fin", "rst")
ROUTE: Final = "/v1/chat/completions"
CALLERS: Final = 6
CALLS_EACH: Final = 40


@dataclass(frozen=True, slots=True)
class Broken:
    """One broken stream: where it broke and what the caller got."""

    whole: bytes
    at: int
    answer: RawResponse


@pytest.fixture(scope="module")
def broken(stack: Stack, scripted: ScriptedProvider) -> list[Broken]:
    """Break every stream of ours at many places, by FIN and by RST."""
    return [
        _break(stack, scripted, recording.served_body(), at=at, ending=ending)
        for recording in STREAMS
        for ending in ENDINGS
        for at in _places(recording.served_body())
    ]


@pytest.fixture(scope="module")
def books(stack: Stack, broken: list[Broken]) -> dict[str, Row]:
    request_ids = [each.answer.header("x-request-id") for each in broken]
    with Sql(stack.ports["sql"], stack.key) as sql:
        return {row["request_id"]: row for row in sql.calls(request_ids)}


def test_there_are_streams_to_break() -> None:
    assert len(STREAMS) >= 2


def test_what_came_before_the_break_is_passed_on_and_then_the_break_is_said(
    broken: list[Broken],
) -> None:
    for each in broken:
        assert each.answer.complete, each.at
        if each.answer.status != 200:  # broken before anything was promised
            assert each.answer.json()["error"]["code"]
            continue
        body = each.answer.body
        passed_on, _, said = body.rpartition(b'data: {"error"')
        assert said, (each.at, body[-200:])
        assert each.whole.startswith(passed_on.removesuffix(b"\n\n")), each.at
        assert "error" in documents(body[len(passed_on) :])[-1]
        assert b"[DONE]" not in body


def test_no_whole_event_that_came_is_held_back(broken: list[Broken]) -> None:
    for each in broken:
        came = each.whole[: each.at]
        whole_events = came[: came.rfind(b"\n\n") + 2] if b"\n\n" in came else b""
        if each.answer.status == 200:
            assert each.answer.body.startswith(whole_events), each.at


def test_every_broken_stream_is_in_the_book_once_with_tokens(
    broken: list[Broken], books: dict[str, Row]
) -> None:
    for each in broken:
        row = books[each.answer.header("x-request-id")]
        assert row["outcome"] in ("truncated", "failed"), each.at
        assert row["error_type"]
        if row["outcome"] == "truncated":
            assert row["usage_source"] in ("provider", "estimated")
            assert row["input_tokens"] > 0


def test_nobody_gets_a_piece_of_anothers_answer(stack: Stack, scripted: ScriptedProvider) -> None:
    scripted.play("tagged", _tagged)
    with ThreadPoolExecutor(CALLERS) as callers:
        wrong = [
            each
            for found in callers.map(lambda seed: _call(stack, seed), range(CALLERS))
            for each in found
        ]
    assert not wrong


def _places(body: bytes) -> list[int]:
    """Return places before the closing [DONE] is whole, the first and the last among them."""
    last = body.rindex(b"data: [DONE]") + len(b"data: [DONE]") - 1
    chooser = random.Random(len(body))
    return sorted({0, 1, last, *(chooser.randint(0, last) for _ in range(CUTS))})


def _break(
    stack: Stack, scripted: ScriptedProvider, whole: bytes, *, at: int, ending: Ending
) -> Broken:
    cut = Script(headers=script.EVENTS, body=whole, framing="chunked", cut_after=at, ending=ending)
    scripted.play("breaks", cut)
    request = {"model": "lab/breaks", "messages": _ask("break"), **script.ASKS_USAGE}
    return Broken(whole, at, stack.ask(ROUTE, json.dumps(request).encode()))


def _tagged(received: Received) -> Script:
    """Return a stream that repeats the tag of its request a few times, slowly."""
    tag = received.json()["messages"][0]["content"]
    return script.stream(*[tag] * 8).but(event_delay_s=0.004)


def _call(stack: Stack, seed: int) -> list[str]:
    """Call many times, leaving some of them at some moment; return what was somebody else's."""
    chooser = random.Random(seed)
    wrong = []
    for number in range(CALLS_EACH):
        tag = f"<caller-{seed}-{number}>"
        said = _listen(stack, tag, patience_s=chooser.choice((None, 0.0, 0.01, 0.03)))
        if said.replace(tag, ""):
            wrong.append(f"{tag} got {said}")
    return wrong


def _listen(stack: Stack, tag: str, *, patience_s: float | None) -> str:
    headers = (("Authorization", f"Bearer {stack.key}"), ("Content-Type", "application/json"))
    body = json.dumps({"model": "lab/tagged", "messages": _ask(tag), "stream": True}).encode()
    with stack.connect() as connection:
        connection.send(request_bytes(ROUTE, body, headers=headers))
        if patience_s is not None:
            connection.set_timeout(patience_s or 0.001)
        try:
            answer = connection.read_response()
        except NoAnswer:
            return ""
    chunks = documents(answer.body)
    return "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c.get("choices"))


def _ask(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]
