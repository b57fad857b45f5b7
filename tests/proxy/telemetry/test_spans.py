"""Exchanges as spans, read back with OpenTelemetry's own messages."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.equipment.canary import CANARY
from tests.proxy.exchanges import chat, dispatched, exchange
from tests.proxy.telemetry.otlp import ReadSpan, as_request, read_spans

from tollkeeper import semconv as names
from tollkeeper.keys import Identity
from tollkeeper.pricing import Usage
from tollkeeper_proxy.exchange import Attempt, Caller, Exchange, Refusal, Target, Trace
from tollkeeper_proxy.telemetry.spans import SpanMaker
from tollkeeper_proxy.wire import AnswerSummary

SERVER, CLIENT = 2, 3
ERROR, UNSET = 2, 0
UNKNOWN_WHEN_NOBODY_SAID = (
    names.USAGE_INPUT_TOKENS,
    names.USAGE_OUTPUT_TOKENS,
    names.USAGE_SOURCE,
    names.USAGE_COST,
    names.COST_USD,
)


def spans_of(ended: Exchange, *, clean: Any = None) -> list[ReadSpan]:
    maker = SpanMaker(telemetry_names={"gemini": "gcp.gemini"}, clean=clean)
    return read_spans(as_request(maker.spans(ended)))


def answered(**fields: Any) -> Exchange:
    """Return an exchange that one provider has answered."""
    ended = dispatched(exchange(chat(**fields)))
    ended.status, ended.outcome = 200, "complete"
    ended.attempts[0].status = 200
    ended.started_unix_ns, ended.ended_unix_ns = 1_000, 5_000
    ended.attempts[0].started_unix_ns, ended.attempts[0].ended_unix_ns = 2_000, 4_000
    return ended


def client(ended: Exchange, *, clean: Any = None) -> ReadSpan:
    (span,) = [each for each in spans_of(ended, clean=clean) if each.kind == CLIENT]
    return span


def test_a_call_is_a_server_span_with_a_client_span_below_it() -> None:
    ended = answered()
    ended.trace = Trace("a" * 32, "b" * 16, parent_span_id="c" * 16)
    server, call = spans_of(ended)
    assert (server.kind, call.kind) == (SERVER, CLIENT)
    assert server.trace_id == call.trace_id == "a" * 32
    assert (server.span_id, server.parent_span_id) == ("b" * 16, "c" * 16)
    assert (call.span_id, call.parent_span_id) == ("2" * 16, "b" * 16)
    assert (server.start_unix_ns, server.end_unix_ns) == (1_000, 5_000)
    assert (call.start_unix_ns, call.end_unix_ns) == (2_000, 4_000)
    assert (server.name, call.name) == ("POST /v1/chat/completions", "chat echo")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_every_attempt_has_its_own_client_span(count: int) -> None:
    ended = answered()
    ended.attempts = [Attempt(Target("demo", "echo"), f"{n:016x}", 0) for n in range(1, count + 1)]
    server, *calls = spans_of(ended)
    assert server.kind == SERVER
    assert [call.attributes[names.ATTEMPT] for call in calls] == [*range(1, count + 1)]
    assert len({call.span_id for call in calls}) == count


def test_tokens_and_cost_are_told_once_however_many_attempts_there_were() -> None:
    ended = answered()
    first = Attempt(Target("gemini", "gemini-x"), "3" * 16, 0, error_type="connect_failed")
    ended.attempts.insert(0, first)
    ended.usage, ended.cost_nanousd = Usage(3, 4), 7
    ended.summary = AnswerSummary(response_id="r1", model="echo-1", finish_reasons=["stop"])
    _, failed, served = spans_of(ended)
    for name in (names.USAGE_INPUT_TOKENS, names.COST_USD, names.RESPONSE_ID):
        assert name not in failed.attributes
        assert name in served.attributes
    assert failed.attributes[names.REQUEST_MODEL] == "gemini-x"
    assert failed.attributes[names.PROVIDER_NAME] == "gcp.gemini"
    assert served.attributes[names.PROVIDER_NAME] == "demo"


def test_what_nobody_said_is_absent_and_never_zero() -> None:
    for span in spans_of(answered()):
        assert not span.attributes.keys() & set(UNKNOWN_WHEN_NOBODY_SAID)


def test_a_said_zero_is_told_as_zero() -> None:
    ended = answered()
    ended.usage, ended.cost_nanousd = Usage(0, 0), 0
    told = client(ended).attributes
    assert told[names.USAGE_INPUT_TOKENS] == told[names.USAGE_OUTPUT_TOKENS] == 0
    assert told[names.COST_USD] == "0"
    assert told[names.USAGE_COST] == 0.0


def test_usage_and_cost_are_told_exactly() -> None:
    ended = answered()
    ended.usage = Usage(
        100, 50, cache_read_tokens=10, cache_write_tokens=20, reasoning_tokens=30, source="provider"
    )
    ended.cost_nanousd = 1_234_567_891
    told = client(ended).attributes
    assert told[names.USAGE_INPUT_TOKENS] == 100
    assert told[names.USAGE_OUTPUT_TOKENS] == 50
    assert told[names.USAGE_CACHE_READ_TOKENS] == 10
    assert told[names.USAGE_CACHE_WRITE_TOKENS] == told[names.USAGE_CACHE_CREATION_TOKENS] == 20
    assert told[names.USAGE_REASONING_TOKENS] == 30
    assert told[names.USAGE_SOURCE] == "provider"
    assert told[names.COST_USD] == "1.234567891"


def test_the_answer_says_who_it_was() -> None:
    ended = answered()
    ended.summary = AnswerSummary(
        response_id="r1",
        model="echo-2",
        finish_reasons=["stop", "length"],
        system_fingerprint="fp",
        service_tier="flex",
    )
    told = client(ended).attributes
    assert told[names.RESPONSE_ID] == "r1"
    assert told[names.RESPONSE_MODEL] == "echo-2"
    assert told[names.RESPONSE_FINISH_REASONS] == ["stop", "length"]
    assert told[names.OPENAI_SYSTEM_FINGERPRINT] == "fp"
    assert told[names.OPENAI_SERVICE_TIER] == "flex"


def test_the_request_is_told_in_the_types_of_the_conventions() -> None:
    told = client(
        answered(
            temperature=1,
            top_p=0.5,
            frequency_penalty=1,
            presence_penalty=-2,
            max_tokens=9,
            seed=-3,
            n=2,
            stop="END",
            response_format={"type": "json_schema"},
        )
    ).attributes
    doubles = (
        names.REQUEST_TEMPERATURE,
        names.REQUEST_TOP_P,
        names.REQUEST_FREQUENCY_PENALTY,
        names.REQUEST_PRESENCE_PENALTY,
    )
    assert [told[name] for name in doubles] == [1.0, 0.5, 1.0, -2.0]
    assert all(isinstance(told[name], float) for name in doubles)
    assert (told[names.REQUEST_MAX_TOKENS], told[names.REQUEST_SEED]) == (9, -3)
    assert told[names.REQUEST_CHOICE_COUNT] == 2
    assert told[names.REQUEST_STOP_SEQUENCES] == ["END"]
    assert told[names.OUTPUT_TYPE] == "json"


def test_both_names_of_the_answers_limit_are_told_as_one() -> None:
    told = client(answered(max_tokens=9, max_completion_tokens=8)).attributes
    assert told[names.REQUEST_MAX_TOKENS] == 8


@pytest.mark.parametrize("seed", [2**63, 2**64 - 1])
def test_an_integer_no_span_can_hold_is_left_out(seed: int) -> None:
    assert names.REQUEST_SEED not in client(answered(seed=seed)).attributes


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "temperature",
                "top_p",
                "seed",
                "frequency_penalty",
                "stop",
                "response_format",
                "tools",
            ]
        ),
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text()
        | st.lists(st.integers() | st.text(), max_size=2)
        | st.dictionaries(st.text(), st.text(), max_size=2),
    )
)
def test_no_request_makes_a_span_that_a_collector_refuses(fields: dict[str, Any]) -> None:
    if not isinstance(fields.get("tools", []), list):
        del fields["tools"]
    ended = exchange(chat())
    ended.attempts.append(Attempt(Target("demo", "echo"), "2" * 16, 0))
    assert ended.request is not None
    ended.request.document.update(fields)  # type: ignore[attr-defined]  # the mapping is a dict
    assert len(spans_of(ended, clean=lambda text: text)) == 2


def test_streaming_is_told_with_the_time_to_the_first_chunk() -> None:
    ended = answered(stream=True)
    ended.attempts[0].first_byte_s = 0.25
    told = client(ended).attributes
    assert told[names.REQUEST_STREAM] is True
    assert told[names.RESPONSE_TIME_TO_FIRST_CHUNK] == 0.25
    whole = answered()
    whole.attempts[0].first_byte_s = 0.25
    assert (
        not {names.REQUEST_STREAM, names.RESPONSE_TIME_TO_FIRST_CHUNK}
        & client(whole).attributes.keys()
    )


def test_a_refused_call_is_told_on_the_server_span() -> None:
    ended = exchange(chat())
    ended.refusal = Refusal("budget", "no", status=429, code="insufficient_quota")
    ended.status, ended.outcome, ended.error_type = 429, "refused", "insufficient_quota"
    (server,) = spans_of(ended)
    assert server.attributes[names.OPERATION_NAME] == "chat"
    assert server.attributes[names.REQUEST_MODEL] == "echo"
    assert server.attributes[names.POLICY_BLOCKED] == "budget"
    assert server.attributes[names.OUTCOME] == "refused"
    assert server.attributes[names.ERROR_TYPE] == "insufficient_quota"
    assert server.status == UNSET  # a no of ours to a caller's fault is no failure of the server


def test_a_cached_answer_is_told_on_the_server_span_and_was_free() -> None:
    ended = exchange(chat())
    ended.cache, ended.outcome, ended.status, ended.cost_nanousd = "hit", "cached", 200, 0
    (server,) = spans_of(ended)
    assert server.attributes[names.OPERATION_NAME] == "chat"
    assert server.attributes[names.CACHE] == "hit"
    assert server.attributes[names.COST_USD] == "0"
    assert names.USAGE_INPUT_TOKENS not in server.attributes


def test_a_request_that_never_became_a_call_names_no_operation() -> None:
    ended = exchange()
    ended.request, ended.outcome, ended.status = None, "refused", 400
    (server,) = spans_of(ended)
    assert names.OPERATION_NAME not in server.attributes


@pytest.mark.parametrize(
    ("outcome", "error", "status"),
    [
        ("complete", "", UNSET),
        ("truncated", "connection_lost", ERROR),
        ("cancelled", "client_disconnected", ERROR),
        ("failed", "rate_limit_exceeded", ERROR),
    ],
)
def test_how_it_ended_is_told_on_both_spans(outcome: Any, error: str, status: int) -> None:
    ended = answered()
    ended.outcome, ended.error_type = outcome, error
    for span in spans_of(ended):
        assert span.attributes[names.OUTCOME] == outcome
        assert span.attributes.get(names.ERROR_TYPE, "") == error
        assert span.status == status


def test_a_caller_who_left_before_any_answer_was_given_no_status() -> None:
    ended = exchange(chat())
    ended.outcome, ended.error_type = "cancelled", "client_disconnected"
    (server,) = spans_of(ended)
    assert names.HTTP_STATUS not in server.attributes


def test_an_attempt_that_never_heard_back_has_no_status_and_a_place() -> None:
    ended = answered()
    attempt = ended.attempts[0]
    attempt.status, attempt.error_type = 0, "connect_failed"
    attempt.host, attempt.port, attempt.ended_unix_ns = "api.example", 443, 0
    told = client(ended)
    assert names.HTTP_STATUS not in told.attributes
    assert told.attributes[names.SERVER_ADDRESS] == "api.example"
    assert told.attributes[names.SERVER_PORT] == 443
    assert told.status == ERROR
    assert told.end_unix_ns == ended.ended_unix_ns


def test_a_clock_set_back_makes_no_span_of_negative_length() -> None:
    ended = answered()
    ended.started_unix_ns, ended.ended_unix_ns = 5_000, 1_000
    assert all(span.end_unix_ns >= span.start_unix_ns for span in spans_of(ended))


def test_who_called_is_told_without_the_key() -> None:
    ended = answered()
    ended.identity = Identity("k9", "search", "t1")
    ended.caller = Caller(
        credential=CANARY,
        user="u1",
        session="s1",
        tags=("a", "b"),
        metadata={"team": "red"},
    )
    for span in spans_of(ended, clean=lambda text: text):
        assert span.attributes[names.KEY_ID] == "k9"
        assert span.attributes[names.KEY_NAME] == "search"
        assert span.attributes[names.USER_ID] == "u1"
        assert span.attributes[names.SESSION_ID] == "s1"
        assert span.attributes[names.TAGS] == ["a", "b"]
        assert span.attributes[names.METADATA_PREFIX + "team"] == "red"
        assert CANARY not in str(span)


def test_policies_are_told_with_their_verdicts() -> None:
    ended = answered()
    ended.redactions = 2
    ended.decide("redact", "masked", "2")
    ended.decide("screen", "clean")
    for span in spans_of(ended):
        assert span.attributes[names.POLICY_REDACTED] == 2
        assert span.attributes[names.POLICY_PREFIX + "redact"] == "masked: 2"
        assert span.attributes[names.POLICY_PREFIX + "screen"] == "clean"


def test_no_content_is_kept_unless_it_may_be() -> None:
    ended = answered(text="my secret")
    ended.summary = AnswerSummary(output_messages=[_said("your secret")])
    assert "secret" not in str(spans_of(ended))


def test_every_kept_text_passes_through_the_cleaner() -> None:
    words = {f"secret{number}" for number in range(1, 9)}
    ended = answered(
        messages=[
            {"role": "system", "content": "secret1"},
            {"role": "user", "content": [{"type": "text", "text": "secret2"}]},
            {"role": "assistant", "content": None, "tool_calls": [_call("secret3")]},
            {"role": "tool", "tool_call_id": "1", "content": "secret4"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "secret5"}}]},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "secret6"}]},
        ]
    )
    ended.summary = AnswerSummary(output_messages=[_said("secret7"), _called("secret8")])
    seen: set[str] = set()

    def clean(text: str) -> str:
        seen.update(re.findall(r"secret\d", text))
        return re.sub(r"secret\d", "***", text)

    told = client(ended, clean=clean).attributes
    assert seen == words
    assert "secret" not in str(told)
    kept = json.loads(told[names.INPUT_MESSAGES])
    assert kept[0] == {"role": "system", "parts": [{"type": "text", "content": "***"}]}
    assert json.loads(told[names.OUTPUT_MESSAGES])[0]["parts"][0]["content"] == "***"


def test_of_an_inline_image_only_the_kind_is_kept() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
    told = client(answered(messages=[{"role": "user", "content": [image]}]), clean=str).attributes
    assert "QUJD" not in told[names.INPUT_MESSAGES]
    assert "data:image/png;base64" in told[names.INPUT_MESSAGES]


def _said(text: str) -> dict[str, object]:
    return {"role": "assistant", "parts": [{"type": "text", "content": text}]}


def _called(arguments: str) -> dict[str, object]:
    call = {"type": "tool_call", "id": "1", "name": "look", "arguments": arguments}
    return {"role": "assistant", "parts": [call]}


def _call(arguments: str) -> dict[str, object]:
    return {"id": "1", "type": "function", "function": {"name": "look", "arguments": arguments}}
