"""Everything of one trace against a real engine."""

import dataclasses
from datetime import datetime, timedelta

import pytest
from tests.dashboard.book import TENANT, SaidIn, Written, call, text_message
from tests.dashboard.reading_room import ReadingRoom

from tollkeeper_dashboard.client import SqlClient
from tollkeeper_dashboard.queries import trace

TRACE = "ef" * 16


def written(number: int, at: datetime, parent: int = 0) -> Written:
    parent_id = f"{parent:016x}" if parent else ""
    return Written(at, TRACE, f"{number:016x}", f"s{number}", {"a": "1"}, parent_id=parent_id)


def test_spans_come_by_their_start_each_once(
    room: ReadingRoom, store: SqlClient, now: datetime
) -> None:
    first, second = written(1, now), written(2, now + timedelta(milliseconds=5), parent=1)
    room.write(second, first)
    room.write(second, call(3, now))
    found = trace.spans(store, TRACE)
    assert [(span.name, span.parent_id) for span in found] == [("s1", ""), ("s2", first.span_id)]
    assert found[1].start_ns - found[0].start_ns == 5_000_000
    assert found[0].duration_ns == 100_000_000
    assert found[0].attributes == {"a": "1"}
    assert found[0].tenant == TENANT


def test_a_span_in_the_middle_of_a_second_is_found(
    room: ReadingRoom, store: SqlClient, now: datetime
) -> None:
    room.write(written(1, now + timedelta(microseconds=611_844)))
    assert len(trace.spans(store, TRACE)) == 1


def test_a_late_span_is_found(room: ReadingRoom, store: SqlClient, now: datetime) -> None:
    room.write(written(1, now))
    room.write(written(2, now - timedelta(hours=30)))
    assert len(trace.spans(store, TRACE)) == 2


def test_errors_and_events_are_read(room: ReadingRoom, store: SqlClient, now: datetime) -> None:
    failing = dataclasses.replace(
        written(1, now), status="Error", message="no", events=(("exception", {"k": "v"}),)
    )
    room.write(failing)
    (span,) = trace.spans(store, TRACE)
    assert (span.is_error, span.status_message) == (True, "no")
    assert [(event.name, event.attributes) for event in span.events] == [("exception", {"k": "v"})]


def test_an_unknown_trace_is_empty(store: SqlClient) -> None:
    assert trace.spans(store, "00" * 16) == []


def test_messages_come_in_order_with_their_content(
    room: ReadingRoom, store: SqlClient, now: datetime
) -> None:
    said = call(1, now, trace_id=TRACE)
    repeated = text_message("user", "again")
    messages = [
        ("output", "assistant", text_message("assistant", "ho")),
        ("input", "user", repeated),
        ("system", "system", text_message("system", "be kind")),
        ("input", "user", repeated),
    ]
    room.write(said, call(2, now, trace_id=TRACE), said=[SaidIn(said, messages)])
    found = trace.messages(store, TRACE, said.span_id, TENANT)
    assert [message.kind for message in found] == ["system", "input", "input", "output"]
    assert [message.content for message in found][1:3] == [repeated, repeated]
    assert found[0].size_bytes == len(messages[2][2])
    assert trace.messages(store, TRACE, said.span_id, "other") == []
    assert trace.messages(store, TRACE, f"{2:016x}", TENANT) == []


@pytest.mark.parametrize("candidate", ["", "ab", "g" * 32, "AB" * 16, "ab" * 17, "ab" * 15 + "é\n"])
def test_what_is_no_trace_id_is_told_from_one(candidate: str) -> None:
    assert not trace.is_trace_id(candidate)
    assert trace.is_trace_id(TRACE)
