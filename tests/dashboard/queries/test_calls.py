"""The list of calls against a real engine."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from tests.dashboard.book import TENANT, call
from tests.dashboard.reading_room import ReadingRoom

from tollkeeper_dashboard.client import SqlClient
from tollkeeper_dashboard.queries import calls
from tollkeeper_dashboard.queries.calls import PAGE, Filter
from tollkeeper_dashboard.queries.scope import Scope
from tollkeeper_dashboard.ranges import last


@pytest.fixture
def scope(now: datetime) -> Scope:
    return Scope(last(timedelta(hours=1), now))


def test_a_call_is_read_whole(
    room: ReadingRoom, store: SqlClient, scope: Scope, now: datetime
) -> None:
    at = now - timedelta(minutes=5, microseconds=1)
    room.write(
        call(
            1, at, model="m", cost=Decimal("0.000000000001"), tokens=(7, 3), milliseconds=42,
            user_id="ana", session_id="s", key_name="k", http_status="200", request_stream="true",
            response_time_to_first_chunk="0.25", policy_redacted="2", tags='["a", "b"]',
        )
    )  # fmt: skip
    (found,) = calls.latest(store, scope, Filter())
    assert found.at == at
    assert (found.trace_id, found.span_id) == (f"{1:032x}", f"{1:016x}")
    assert (found.model, found.provider, found.operation) == ("m", "openai", "chat")
    assert (found.user, found.session, found.key) == ("ana", "s", "k")
    assert found.cost_usd == Decimal("0.000000000001")
    assert (found.input_tokens, found.output_tokens, found.has_usage) == (7, 3, True)
    assert (found.duration_ns, found.first_chunk_ns) == (42_000_000, 250_000_000)
    assert (found.http_status, found.redactions, found.is_stream) == (200, 2, True)
    assert found.tags == ("a", "b")
    assert found.fate == "ok"


def test_the_newest_come_first_a_page_at_a_time(
    room: ReadingRoom, store: SqlClient, scope: Scope, now: datetime
) -> None:
    total = 2 * PAGE + 5
    room.write(*(call(n, now - timedelta(seconds=n)) for n in range(1, total + 1)))
    pages = [calls.latest(store, scope, Filter(), page=n) for n in range(4)]
    assert [len(page) for page in pages] == [PAGE + 1, PAGE + 1, 5, 0]
    listed = [found.span_id for page in pages for found in page[:PAGE]]
    assert listed == [f"{n:016x}" for n in range(1, total + 1)]


def test_every_filter_finds_its_own(
    room: ReadingRoom, store: SqlClient, scope: Scope, now: datetime
) -> None:
    at = now - timedelta(minutes=5)
    room.write(
        call(1, at, trace_id="ab" * 16, session_id="s1"),
        call(2, at, error_type="timeout", request_id="req-two"),
        call(3, at, outcome="refused", policy_blocked="injection"),
        call(4, at, cache="hit", response_id="chatcmpl-4"),
    )
    for chosen, numbers in (
        (Filter(), {1, 2, 3, 4}),
        (Filter(fate="ok"), {1}),
        (Filter(fate="failed"), {2}),
        (Filter(fate="blocked"), {3}),
        (Filter(fate="cached"), {4}),
        (Filter(session="s1"), {1}),
        (Filter(text="abab"), {1}),
        (Filter(text="req-two"), {2}),
        (Filter(text="chatcmpl-4"), {4}),
        (Filter(text="' OR 1=1 --"), set()),
        (Filter(session="{x:String}"), set()),
    ):
        found = calls.latest(store, scope, chosen)
        assert {int(each.span_id, 16) for each in found} == numbers, chosen


def test_the_calls_of_a_trace_are_those_of_one_tenant(
    room: ReadingRoom, store: SqlClient, now: datetime
) -> None:
    mine = call(1, now - timedelta(minutes=5), trace_id="cd" * 16)
    later = call(2, now - timedelta(minutes=4), trace_id="cd" * 16)
    room.write(later, mine)
    found = calls.of_trace(store, "cd" * 16, TENANT)
    assert [each.span_id for each in found] == [mine.span_id, later.span_id]
    assert calls.of_trace(store, "cd" * 16, "other") == []
