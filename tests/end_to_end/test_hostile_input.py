"""Requests nobody should send: seen from the caller, from the provider, and in our own books.

Each gets a clear answer in OpenAI's shape, nothing of it is forwarded, its connection ends where
its end is in doubt, and it leaves one log line and one span, without a traceback or a secret.
"""

import json
import re
import time
from typing import Final

import pytest
from tests.end_to_end.hostile_cases import ALL, Case
from tests.equipment.canary import CANARY
from tests.equipment.raw_http import request_bytes
from tests.equipment.scripted_provider import ScriptedProvider
from tests.equipment.sql import Sql
from tests.equipment.stack import Stack
from tests.equipment.three_ends import Ends, log_lines, send

pytestmark = pytest.mark.timeout(300)

KEY_BELIEVED_S: Final = 15.0
REFUSED: Final = [case for case in ALL if 200 not in case.statuses]


@pytest.fixture(scope="module")
def ends(stack: Stack, scripted: ScriptedProvider) -> dict[str, Ends]:
    """Send every case once, each on a connection of its own."""
    port = stack.ports["proxy"]
    return {case.name: send(port, scripted, *case.with_key(stack.key)) for case in ALL}


def test_the_names_of_the_cases_are_their_own() -> None:
    assert len({case.name for case in ALL}) == len(ALL)


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_it_is_answered_as_it_must_be(ends: dict[str, Ends], case: Case) -> None:
    end = ends[case.name]
    assert end.status in case.statuses, end
    if case.closes is not None:
        assert end.closed == case.closes


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_the_answer_is_a_clear_error_in_openais_shape(ends: dict[str, Ends], case: Case) -> None:
    error = ends[case.name].error()
    assert len(error["message"]) > 10
    assert error["code"]
    assert "Traceback" not in error["message"]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_nothing_of_it_reaches_the_provider(ends: dict[str, Ends], case: Case) -> None:
    assert not ends[case.name].forwarded


def test_what_is_served_after_all_can_be_read_in_one_way_only(ends: dict[str, Ends]) -> None:
    served = [end for end in ends.values() if end.status == 200]
    for end in served:
        (forwarded,) = end.forwarded
        names = [name for name, _ in json.loads(forwarded.body, object_pairs_hook=list)]
        assert len(names) == len(set(names)), forwarded.body


def test_each_leaves_one_log_line(ends: dict[str, Ends], stack: Stack) -> None:
    request_ids = [end.request_id for end in ends.values() if end.status not in (0, 200)]
    assert all(request_ids)
    counts = {name: len(lines) for name, lines in log_lines(stack.whole_log(), request_ids).items()}
    by_id = {end.request_id: name for name, end in ends.items()}
    assert not {by_id[each]: count for each, count in counts.items() if count != 1}


def test_each_leaves_one_span(ends: dict[str, Ends], admin_sql: Sql) -> None:
    traces = {end.trace_id: name for name, end in ends.items() if end.answer is not None}
    rows = admin_sql.wait(
        "SELECT TraceId, count() AS spans FROM otel_traces"
        " WHERE TraceId IN {ids:Array(String)} AND SpanKind = 'Server' GROUP BY TraceId",
        {"ids": list(traces)},
        until=lambda rows: len(rows) >= len(traces),
    )
    assert not {traces[row["TraceId"]]: row["spans"] for row in rows if row["spans"] != 1}


def test_what_came_from_nobody_known_is_for_admins_only(
    stack: Stack, sql: Sql, admin_sql: Sql
) -> None:
    stranger = stack.ask("/v1/models", method="GET", Authorization="Bearer tk-nobody")
    assert stranger.status == 401
    question = (
        "SELECT ResourceAttributes['tollkeeper.tenant.id'] AS tenant FROM otel_traces"
        " WHERE TraceId = {id:String}"
    )
    trace = {"id": stranger.header("x-tollkeeper-trace-id")}
    assert admin_sql.wait(question, trace) == [{"tenant": "-unidentified"}]
    assert sql.rows(question, trace) == []


def test_nothing_was_said_that_must_not_be(ends: dict[str, Ends], stack: Stack) -> None:
    log = stack.whole_log()
    said = [log, *(str(end.answer) for end in ends.values())]
    for text in said:
        assert "Traceback" not in text
        assert CANARY not in text
        assert stack.key not in text
        assert not re.search(r"File \"[^\"]+\.py\"", text)


def test_a_revoked_key_is_refused(stack: Stack) -> None:
    key = stack.create_key("to-be-revoked", "--budget-usd", "5")
    body = b'{"model": "demo/echo", "messages": [{"role": "user", "content": "hi"}]}'
    asked = [("Content-Type", "application/json"), ("Authorization", f"Bearer {key}")]
    assert _status(stack, body, asked) == 200
    stack.run("keys", "revoke", "to-be-revoked")
    # A worker believes a key it has just looked up for `identity.cache_s`, five seconds.
    assert _status_later(stack, body, asked) == 401


def test_pipelined_requests_are_answered_in_order(stack: Stack, scripted: ScriptedProvider) -> None:
    headers = (("Authorization", f"Bearer {stack.key}"), ("Content-Type", "application/json"))
    bodies = [
        b'{"model":"demo/echo","messages":[{"role":"user","content":"%d"}]}' % number
        for number in range(3)
    ]
    with stack.connect() as connection:
        connection.send(
            b"".join(request_bytes("/v1/chat/completions", b, headers=headers) for b in bodies)
        )
        said = [
            connection.read_response().json()["choices"][0]["message"]["content"] for _ in bodies
        ]
    assert said == ["0", "1", "2"]


def test_trailers_never_become_headers(stack: Stack, scripted: ScriptedProvider) -> None:
    body = b'{"model":"lab/trailers","messages":[{"role":"user","content":"hi"}]}'
    raw = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n"
        b"%x\r\n%s\r\n0\r\nAuthorization: Bearer %s\r\n\r\n" % (len(body), body, stack.key.encode())
    )
    assert send(stack.ports["proxy"], scripted, raw).status in (400, 401)
    assert not scripted.requests_for("trailers")


def test_a_callers_headers_stay_here(stack: Stack, scripted: ScriptedProvider) -> None:
    """Hop-by-hop headers, the caller's key, and names that would steer a provider."""
    body = b'{"model":"lab/headers","messages":[{"role":"user","content":"hi"}]}'
    answer = stack.ask(
        "/v1/chat/completions",
        body,
        Connection="authorization, x-api-key",
        TE="trailers",
        Proxy_Authorization="Basic eA==",
        X_Forwarded_For="203.0.113.9",
        X_Api_Key=stack.key,
        Cookie="a=b",
        Upgrade="h2c",
    )
    assert answer.status in (200, 400)
    for received in scripted.requests_for("headers"):
        sent = {name.lower(): value for name, value in received.headers}
        assert sent["authorization"] == f"Bearer {CANARY}"
        assert stack.key not in str(received.raw_head)
        assert not set(sent) & {
            "te",
            "proxy-authorization",
            "x-forwarded-for",
            "cookie",
            "upgrade",
            "x-api-key",
        }


def _status(stack: Stack, body: bytes, headers: list[tuple[str, str]]) -> int:
    with stack.connect() as connection:
        connection.send(request_bytes("/v1/chat/completions", body, headers=tuple(headers)))
        return connection.read_response().status


def _status_later(stack: Stack, body: bytes, headers: list[tuple[str, str]]) -> int:
    until = time.monotonic() + KEY_BELIEVED_S
    while (status := _status(stack, body, headers)) == 200 and time.monotonic() < until:
        time.sleep(0.2)
    return status
