"""Providers that misbehave: redirect, hang, cut, lie, flood. Seen from the caller and in the books.

The caller gets what was received or a clear error, never an invented end; the connection is not
used again; the call is in the store with how it really ended.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from tests.equipment import script
from tests.equipment.canary import CANARY
from tests.equipment.raw_http import RawResponse, request_bytes
from tests.equipment.received import Received
from tests.equipment.script import Script
from tests.equipment.scripted_provider import ScriptedProvider
from tests.equipment.sql import Sql
from tests.equipment.sse_events import documents
from tests.equipment.stack import Stack

pytestmark = pytest.mark.timeout(300)

TEXT: Final = ("Der ", "Rhein ", "ist ", "lang ", "🌍")
STREAM: Final = script.stream(*TEXT)
WHOLE_STREAM: Final = b"".join(STREAM.events)
HANGS_S: Final = 6.0  # three times what the stack under test waits for a silent provider
DONE: Final = b"data: [DONE]"


@dataclass(frozen=True, slots=True)
class Case:
    """One misbehaviour: the script, whether a stream is asked for, and what must become of it.

    ``status`` 0 stands for either a good answer or 502, where both are right.
    """

    name: str
    script: Script
    status: int
    outcomes: frozenset[str]
    streamed: bool = False


def _cases() -> Iterator[Case]:
    failed, cut = frozenset({"failed"}), frozenset({"truncated", "failed"})
    done = frozenset({"complete"})
    for status in (302, 307, 308):
        target = script.redirect("http://127.0.0.1:9/v1/chat/completions", status=status)
        yield Case(f"redirects with {status}", target, 502, failed)
    yield Case("length and chunked", script.length_and_chunked().but(ending="fin"), 502, failed)
    yield Case("two lengths", script.two_lengths().but(ending="fin"), 502, failed)
    yield Case("floods with interim answers", script.interim_flood(2_000), 502, failed)
    yield Case("bombs with headers", script.header_bomb(2_000, 1_000), 502, failed)
    yield Case("one header of 1 MB", script.header_bomb(1, 1_000_000), 502, failed)
    yield Case("no HTTP at all", Script(head=b"SSH-2.0-x\r\n", ending="fin"), 502, failed)
    yield Case("says nothing and closes", Script(head=b"", ending="fin"), 502, failed)
    yield Case("says nothing and resets", Script(head=b"", ending="rst"), 502, failed)
    yield Case(
        "changes the protocol", script.with_head("Upgrade: x").but(status=101), 0, failed | done
    )
    yield Case("one interim answer", script.interim_flood(1), 200, done)
    yield Case(
        "says it is longer", script.answer().but(stated_length=9_999, ending="fin"), 502, failed
    )
    yield Case("resets in its body", script.answer().but(cut_after=50, ending="rst"), 502, failed)
    yield Case(
        "hangs in its body",
        script.answer().but(cut_after=50, ending="hang", ending_s=HANGS_S),
        504,
        failed,
    )
    yield Case(
        "closes slowly", script.answer().but(ending="slow-close", ending_s=HANGS_S), 200, done
    )
    yield Case("ends with its connection", script.answer().but(framing="close"), 200, done)
    yield Case("codes what was to be plain", script.gzipped(script.answer()), 0, failed | done)
    yield Case("bombs with gzip", _gzip_bomb(), 502, failed)
    yield Case("codes with garbage", _labelled_gzip(b"not gzip at all"), 502, failed)
    yield Case("an answer that is no JSON", Script(body=b"<html>hello</html>"), 200, done | cut)
    yield Case("an empty answer", Script(body=b""), 200, done | cut)
    for status in (400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 529):
        yield Case(f"answers {status}", script.error(status), status, failed)
    yield from _streams(done=done, cut=cut, failed=failed)


def _streams(
    *, done: frozenset[str], cut: frozenset[str], failed: frozenset[str]
) -> Iterator[Case]:
    for ending in ("fin", "rst", "hang"):
        script_ = STREAM.but(cut_after=420, ending=ending, ending_s=HANGS_S)
        yield Case(f"cuts a stream by {ending}", script_, 200, cut, streamed=True)
    early = STREAM.but(cut_after=0, ending="rst")
    yield Case("resets before the first event", early, 0, cut, streamed=True)
    no_done = script.stream(*TEXT, done=False)
    yield Case("a stream without [DONE]", no_done, 200, done | cut, streamed=True)
    crlf = STREAM.but(events=tuple(event.replace(b"\n", b"\r\n") for event in STREAM.events))
    yield Case("line ends of two characters", crlf, 200, done, streamed=True)
    comments = STREAM.but(events=(b": keep alive\n\n", *STREAM.events, b": bye\n\n"))
    yield Case("comments", comments, 200, done, streamed=True)
    bytes_ = STREAM.but(events=tuple(bytes([each]) for each in WHOLE_STREAM))
    yield Case("a byte at a time", bytes_, 200, done, streamed=True)
    error = b'data: {"error":{"message":"overloaded","type":"server_error","code":503}}\n\n'
    broken = STREAM.but(events=(*STREAM.events[:3], error))
    yield Case("an error inside a stream", broken, 200, cut, streamed=True)
    bad = STREAM.but(events=(STREAM.events[0], b"data: {not json\n\n", *STREAM.events[1:]))
    yield Case("an event that is no JSON", bad, 200, done | cut, streamed=True)
    not_utf8 = STREAM.but(
        events=(STREAM.events[0], b'data: {"a":"\xff\xfe"}\n\n', *STREAM.events[1:])
    )
    yield Case("an event that is no UTF-8", not_utf8, 200, done | cut, streamed=True)
    yield Case("an error instead of a stream", script.error(429), 429, failed, streamed=True)
    yield Case("a whole answer instead of a stream", script.answer(), 200, done, streamed=True)
    yield Case("an event of 64 MB", script.huge_event(64 * 1_048_576), 200, cut, streamed=True)
    yield Case("a coded stream", script.gzipped(STREAM), 0, failed | done | cut, streamed=True)


def _labelled_gzip(body: bytes) -> Script:
    return Script(body=body, headers=(*script.JSON, ("Content-Encoding", "gzip")))


def _gzip_bomb() -> Script:
    """Return 256 MB of zeros in 256 KB."""
    return _labelled_gzip(gzip.compress(bytes(256 * 1_048_576), compresslevel=9))


CASES: Final = tuple(_cases())
UNTOUCHED: Final = frozenset(
    {
        "line ends of two characters",
        "comments",
        "a byte at a time",
        "an event that is no JSON",
        "an event that is no UTF-8",
    }
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the caller got and what the provider saw."""

    answer: RawResponse
    received: list[Received]


@pytest.fixture(scope="module")
def seen(stack: Stack, scripted: ScriptedProvider) -> dict[str, Seen]:
    return {case.name: _send(stack, scripted, case) for case in CASES}


@pytest.fixture(scope="module")
def books(stack: Stack, seen: dict[str, Seen]) -> dict[str, dict[str, Any]]:
    names = {each.answer.header("x-request-id"): name for name, each in seen.items()}
    with Sql(stack.ports["sql"], stack.key) as sql:
        return {names[row["request_id"]]: row for row in sql.calls(list(names))}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_caller_gets_an_answer_or_a_clear_error(seen: dict[str, Seen], case: Case) -> None:
    answer = seen[case.name].answer
    assert answer.complete
    if case.status:
        assert answer.status == case.status
    if answer.status >= 400:
        assert {"message", "type", "code"} <= set(answer.json()["error"])
    elif answer.status == 200 and not case.streamed and case.script.body:
        assert not answer.body.startswith(b"\x1f\x8b")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_book_says_how_it_ended(books: dict[str, dict[str, Any]], case: Case) -> None:
    row = books[case.name]
    assert row["outcome"] in case.outcomes
    if row["outcome"] != "complete":
        assert row["error_type"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_provider_was_asked_once(seen: dict[str, Seen], case: Case) -> None:
    """No silent second try: the caller decides, for the first try may have cost money."""
    assert len(seen[case.name].received) == 1


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.name.startswith("cuts")], ids=lambda case: case.name
)
def test_a_cut_stream_ends_in_an_error_and_never_in_an_invented_end(
    seen: dict[str, Seen], case: Case
) -> None:
    body = seen[case.name].answer.body
    assert DONE not in body
    assert "error" in documents(body[body.rindex(b"data:") :])[0]
    assert body.startswith(WHOLE_STREAM[:300])


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.name in UNTOUCHED], ids=lambda case: case.name
)
def test_odd_streams_come_through_untouched(seen: dict[str, Seen], case: Case) -> None:
    # The provider sent its usage although the caller had not asked: that event alone is ours.
    sent = b"".join(event for event in case.script.events if b'"choices": [], ' not in event)
    if case.name == "a byte at a time":
        sent = b"".join(event for event in STREAM.events if b'"choices": [], ' not in event)
    assert seen[case.name].answer.body == sent


def test_a_redirect_is_not_followed_and_takes_no_key_along(
    stack: Stack, scripted: ScriptedProvider
) -> None:
    with ScriptedProvider() as elsewhere:
        scripted.play("away", script.redirect(f"{elsewhere.base_url}/chat/completions"))
        assert stack.ask("/v1/chat/completions", _body("away", streamed=False)).status == 502
        assert not elsewhere.received
        assert elsewhere.connections == 0


def test_retry_after_and_limits_are_passed_on(stack: Stack, scripted: ScriptedProvider) -> None:
    headers = (("Retry-After", "17"), ("x-ratelimit-remaining-requests", "0"))
    scripted.play("limited", script.error(429, headers=headers))
    answer = stack.ask("/v1/chat/completions", _body("limited", streamed=False))
    assert answer.status == 429
    assert answer.header("retry-after") == "17"
    assert answer.header("x-ratelimit-remaining-requests") == "0"


def test_cookies_and_banners_of_the_provider_stay_here(
    stack: Stack, scripted: ScriptedProvider
) -> None:
    private = (("Set-Cookie", "a=b"), ("Server", "secret-server"), ("openai-organization", "org"))
    scripted.play("private", script.answer().but(headers=(*script.JSON, *private)))
    answer = stack.ask("/v1/chat/completions", _body("private", streamed=False))
    shown = {name.lower(): value for name, value in answer.headers}
    assert "set-cookie" not in shown
    assert "openai-organization" not in shown
    assert shown.get("server") != "secret-server"


def test_a_provider_that_is_not_there_is_502(stack: Stack) -> None:
    body = b'{"model":"nowhere/x","messages":[{"role":"user","content":"hi"}]}'
    answer = stack.ask("/v1/chat/completions", body)
    assert answer.status == 502
    assert "127.0.0.1" not in answer.json()["error"]["message"]


def test_the_provider_is_asked_for_plain_bodies_and_for_usage(
    stack: Stack, scripted: ScriptedProvider
) -> None:
    scripted.play("wishes", STREAM)
    answer = stack.ask("/v1/chat/completions", _body("wishes", streamed=True))
    (received,) = scripted.requests_for("wishes")
    assert received.header("accept-encoding") in ("", "identity")
    assert received.json()["stream_options"] == {"include_usage": True}
    assert b'"usage"' not in answer.body
    assert answer.body.endswith(DONE + b"\n\n")


def test_the_key_of_the_provider_is_seen_by_the_provider_alone(
    stack: Stack, scripted: ScriptedProvider, seen: dict[str, Seen]
) -> None:
    for name, each in seen.items():
        assert CANARY not in str(each.answer), name
        assert all(r.header("authorization") == f"Bearer {CANARY}" for r in each.received), name
    assert CANARY not in stack.whole_log()
    files = [file for file in stack.data.rglob("*") if file.is_file()]
    assert not [file.name for file in files if CANARY.encode() in file.read_bytes()]


def test_events_are_passed_on_as_they_come(stack: Stack, scripted: ScriptedProvider) -> None:
    """Nothing waits for the end: an event arrives while the provider holds back the next one."""
    scripted.play("paced", STREAM.but(event_delay_s=0.15))
    with stack.connect() as connection:
        headers = (("Authorization", f"Bearer {stack.key}"), ("Content-Type", "application/json"))
        body = _body("paced", streamed=True)
        connection.send(request_bytes("/v1/chat/completions", body, headers=headers))
        response = connection.read_response()
    assert len(response.pieces) >= len(TEXT)


def _send(stack: Stack, scripted: ScriptedProvider, case: Case) -> Seen:
    model = scripted.play("provider-" + case.name.replace(" ", "-"), case.script)
    answer = stack.ask("/v1/chat/completions", _body(model, streamed=case.streamed))
    return Seen(answer, scripted.requests_for(model))


def _body(model: str, *, streamed: bool) -> bytes:
    request: dict[str, Any] = {
        "model": f"lab/{model}",
        "messages": [{"role": "user", "content": "hi"}],
    }
    if streamed:
        request["stream"] = True
    return json.dumps(request).encode()
