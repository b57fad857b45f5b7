import json
from collections import Counter

import pytest

from tollkeeper_collector.content import take, take_from_log
from tollkeeper_collector.otlp.signals import Event, LogRecord

ATTRIBUTES = {
    "gen_ai.request.model": "m",
    "gen_ai.input.messages": json.dumps(
        [
            {"role": "user", "parts": [{"type": "text", "content": "first question"}]},
            {"role": "user", "parts": [{"type": "text", "content": "second question"}]},
        ]
    ),
    "gen_ai.output.messages": json.dumps(
        [{"role": "assistant", "parts": [{"type": "text", "content": "answer"}]}]
    ),
}


def test_a_span_without_content_stays_as_it_is() -> None:
    attributes = {"gen_ai.request.model": "m"}
    taken = take(attributes, [], keep=True, cuts=Counter())
    assert taken.attributes is attributes
    assert taken.messages == ()


def test_kept_content_leaves_a_reference_and_a_preview() -> None:
    taken = take(ATTRIBUTES, [], keep=True, cuts=Counter())
    assert [message.kind for message in taken.messages] == ["input", "input", "output"]
    assert taken.attributes == {
        "gen_ai.request.model": "m",
        "gen_ai.input.messages.ref": "llm_call_messages/input/2",
        "gen_ai.output.messages.ref": "llm_call_messages/output/1",
        "tollkeeper.input.preview": "second question",
        "tollkeeper.output.preview": "answer",
    }


def test_dropped_content_leaves_a_count_and_nothing_else() -> None:
    cuts: Counter[str] = Counter()
    events = [Event(1, "gen_ai.user.message", {"content": "secret"})]
    taken = take(ATTRIBUTES, events, keep=False, cuts=cuts)
    assert taken.attributes == {"gen_ai.request.model": "m"}
    assert (taken.events, taken.messages) == ([], ())
    assert cuts == {"content": 3}


@pytest.mark.parametrize("keep", [True, False])
def test_a_preview_somebody_sent_is_never_believed(keep: bool) -> None:
    taken = take({"tollkeeper.input.preview": "smuggled"}, [], keep=keep, cuts=Counter())
    assert taken.attributes == {}


def test_content_in_events_goes_the_same_way() -> None:
    cuts: Counter[str] = Counter()
    events = [
        Event(1, "gen_ai.content.completion.chunk", {}),
        Event(2, "gen_ai.choice", {"message": "hello"}),
        Event(3, "exception", {"exception.type": "E"}),
        Event(4, "details", {"gen_ai.input.messages": '[{"role":"user"}]', "a": "b"}),
    ]
    taken = take({}, events, keep=True, cuts=cuts)
    assert [(event.name, event.attributes) for event in taken.events] == [
        ("exception", {"exception.type": "E"}),
        ("details", {"a": "b"}),
    ]
    assert [(message.kind, message.role) for message in taken.messages] == [
        ("output", "assistant"),
        ("input", "user"),
    ]
    assert cuts == {"chunk_events": 1}


def log(**fields: object) -> LogRecord:
    values: dict[str, object] = {
        "time_ns": 1,
        "observed_ns": 1,
        "trace_id": "",
        "span_id": "",
        "flags": 0,
        "severity_text": "",
        "severity_number": 0,
        "body": "",
        "attributes": {},
        "event_name": "",
    }
    return LogRecord(**{**values, **fields})  # type: ignore[arg-type]  # fields by name


def test_a_log_loses_the_body_that_is_a_message() -> None:
    cuts: Counter[str] = Counter()
    said = log(event_name="gen_ai.user.message", body="secret", attributes={"gen_ai.system": "x"})
    kept = take_from_log(said, keep=False, cuts=cuts)
    assert (kept.body, kept.attributes) == ("", {"gen_ai.system": "x"})
    assert cuts == {"content": 1}
    assert take_from_log(said, keep=True, cuts=Counter()) is said


def test_a_log_loses_attributes_that_are_messages() -> None:
    said = log(
        event_name="gen_ai.client.inference.operation.details",
        attributes={"gen_ai.input.messages": "[]", "gen_ai.request.model": "m"},
    )
    kept = take_from_log(said, keep=False, cuts=Counter())
    assert kept.attributes == {"gen_ai.request.model": "m"}


def test_an_ordinary_log_keeps_its_body() -> None:
    said = log(body="disk is warm")
    assert take_from_log(said, keep=False, cuts=Counter()) is said
