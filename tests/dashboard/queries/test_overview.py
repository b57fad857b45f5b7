"""The overview's numbers against a real engine: counted once, exact, and unknown where unknown."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from tests.dashboard.book import Written, call
from tests.dashboard.reading_room import ReadingRoom

from tollkeeper import semconv
from tollkeeper_dashboard.client import SqlClient
from tollkeeper_dashboard.queries import overview
from tollkeeper_dashboard.queries.overview import Choices, Sums
from tollkeeper_dashboard.queries.scope import Scope
from tollkeeper_dashboard.ranges import last


@pytest.fixture
def scope(now: datetime) -> Scope:
    return Scope(last(timedelta(hours=1), now))


def minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


def test_an_empty_book_adds_up_to_nothing(store: SqlClient, scope: Scope) -> None:
    assert overview.totals(store, scope) == Sums(cost_usd=Decimal(0))
    assert overview.by(store, scope, "model") == []
    assert overview.choices(store, scope) == Choices()
    assert overview.is_new(store)
    moments = overview.over_time(store, scope)
    assert [m.at for m in moments] == list(scope.time.buckets())
    assert {m.sums for m in moments} == {Sums()}


def test_every_request_is_in_one_group(
    room: ReadingRoom, store: SqlClient, scope: Scope, now: datetime
) -> None:
    at = now - minutes(5)
    room.write(
        call(1, at),
        call(2, at, outcome="failed", error_type="timeout"),
        call(3, at, cost=None, tokens=None, outcome="refused", policy_blocked="injection"),
        call(4, at, outcome="cached", cache="hit"),
        call(5, at, policy_redacted="3"),
    )
    sums = overview.totals(store, scope)
    assert (sums.requests, sums.failed, sums.blocked, sums.cached) == (5, 1, 1, 1)
    assert (sums.ok, sums.redacted) == (2, 1)


def test_cost_is_exact_and_unknown_prices_are_counted_apart(
    room: ReadingRoom, store: SqlClient, scope: Scope, now: datetime
) -> None:
    at = now - minutes(5)
    amounts = [Decimal("0.000000000001"), Decimal("0.1"), Decimal("0.2"), Decimal("123456.789")]
    room.write(*(call(n, at, cost=amount) for n, amount in enumerate(amounts, 1)))
    room.write(call(90, at, cost=None), call(91, at, cost=Decimal(0)))
    sums = overview.totals(store, scope)
    assert sums.cost_usd == sum(amounts)
    assert sums.unpriced == 1


def test_a_call_that_failed_or_came_from_the_cache_has_no_price_to_know(
    room: ReadingRoom, store: SqlClient, scope: Scope, now: datetime
) -> None:
    at = now - minutes(5)
    room.write(call(1, at, cost=None, error_type="timeout"), call(2, at, cost=None, cache="hit"))
    sums = overview.totals(store, scope)
    assert (sums.unpriced, sums.cost_usd) == (0, Decimal(0))


def test_tokens_nobody_reported_are_counted_apart(
    room: ReadingRoom, store: SqlClient, scope: Scope, now: datetime
) -> None:
    at = now - minutes(5)
    room.write(call(1, at, tokens=(7, 3)), call(2, at, tokens=None), call(3, at, tokens=(0, 0)))
    sums = overview.totals(store, scope)
    assert (sums.input_tokens, sums.output_tokens, sums.unmeasured) == (7, 3, 1)


def test_quantiles_are_those_of_the_calls_and_not_of_refusals(
    room: ReadingRoom, store: SqlClient, scope: Scope, now: datetime
) -> None:
    at = now - minutes(5)
    room.write(*(call(n, at, milliseconds=n) for n in range(1, 101)))
    room.write(call(200, at, milliseconds=9_999, outcome="refused", policy_blocked="budget"))
    sums = overview.totals(store, scope)
    assert sums.p50_ns == pytest.approx(50.5e6, rel=0.03)
    assert sums.p95_ns == pytest.approx(95.5e6, rel=0.03)
    assert sums.p99_ns == pytest.approx(99.5e6, rel=0.03)


def test_refusals_alone_have_no_latency(
    room: ReadingRoom, store: SqlClient, scope: Scope, now: datetime
) -> None:
    room.write(call(1, now - minutes(5), outcome="refused", policy_blocked="budget"))
    sums = overview.totals(store, scope)
    assert (sums.requests, sums.p50_ns, sums.p99_ns) == (1, None, None)


def test_a_span_sent_twice_counts_once(
    room: ReadingRoom, store: SqlClient, scope: Scope, now: datetime
) -> None:
    first = call(1, now - minutes(5))
    room.write(first)
    room.write(first, call(2, now - minutes(4)))
    assert overview.totals(store, scope).requests == 2


def test_a_retried_request_is_one_request(
    room: ReadingRoom, store: SqlClient, scope: Scope, now: datetime
) -> None:
    at = now - minutes(5)
    room.write(
        call(1, at, cost=None, tokens=None, attempt="1", request_id="r", error_type="502"),
        call(2, at, attempt="2", request_id="r"),
    )
    assert overview.totals(store, scope).requests == 1


def test_a_call_seen_by_the_application_and_the_proxy_counts_once(
    room: ReadingRoom, store: SqlClient, scope: Scope, now: datetime
) -> None:
    proxied = call(1, now - minutes(5), response_id="same")
    attributes = {**proxied.attributes, semconv.COST_USD: "5"}
    seen = Written(proxied.at, f"{9:032x}", f"{9:016x}", "chat", attributes, scope="openinference")
    alone = Written(
        proxied.at,
        f"{8:032x}",
        f"{8:016x}",
        "chat",
        {**attributes, semconv.RESPONSE_ID: "other"},
        scope="openinference",
    )
    room.write(proxied, seen, alone)
    sums = overview.totals(store, scope)
    assert sums.requests == 2
    assert sums.cost_usd == Decimal("5.001")


def test_tools_and_agents_are_no_requests(
    room: ReadingRoom, store: SqlClient, scope: Scope, now: datetime
) -> None:
    attributes = {semconv.OPERATION_NAME: "execute_tool", semconv.TOOL_NAME: "t"}
    tool = Written(now - minutes(5), f"{1:032x}", f"{1:016x}", "t", attributes, scope="tollkeeper")
    room.write(tool)
    assert overview.totals(store, scope).requests == 0
    assert not overview.is_new(store)


def test_the_range_takes_its_beginning_and_leaves_its_end(
    room: ReadingRoom, store: SqlClient, scope: Scope
) -> None:
    tick = timedelta(microseconds=1)
    since, until = scope.time.since, scope.time.until
    room.write(*(call(n, at) for n, at in enumerate((since - tick, since, until - tick, until), 1)))
    assert overview.totals(store, scope).requests == 2


def test_the_parts_add_up_to_the_whole(
    room: ReadingRoom, store: SqlClient, scope: Scope, now: datetime
) -> None:
    room.write(
        *(
            call(
                n,
                now - minutes(n % 60),
                model=f"m{n % 3}",
                cost=None if n % 7 == 0 else Decimal(n) / 1_000,
                user_id="" if n % 2 else "ana",
                key_name=f"k{n % 4}",
            )
            for n in range(1, 80)
        )
    )
    whole = overview.totals(store, scope)
    for parts in (
        [part.sums for part in overview.by(store, scope, "model")],
        [part.sums for part in overview.by(store, scope, "key")],
        [part.sums for part in overview.by(store, scope, "user")],
        [moment.sums for moment in overview.over_time(store, scope)],
    ):
        for field in ("requests", "input_tokens", "output_tokens", "cost_usd", "unpriced"):
            assert sum(getattr(part, field) for part in parts) == getattr(whole, field)
    assert sum(s.cost_usd for s in overview.spending(store, scope)) == whole.cost_usd


def test_the_dearest_come_first_and_the_nameless_are_there(
    room: ReadingRoom, store: SqlClient, scope: Scope, now: datetime
) -> None:
    at = now - minutes(5)
    room.write(
        call(1, at, user_id="cheap", cost=Decimal("0.1")),
        call(2, at, user_id="dear", cost=Decimal("0.9")),
        call(3, at, cost=Decimal("0.5")),
    )
    assert [part.name for part in overview.by(store, scope, "user")] == ["dear", "", "cheap"]


def test_filters_narrow_down_and_the_choices_stay(
    room: ReadingRoom, store: SqlClient, scope: Scope, now: datetime
) -> None:
    at = now - minutes(5)
    room.write(
        call(1, at, model="a", user_id="u", key_name="k"),
        call(2, at, model="b", user_id="u"),
        call(3, at, model="a", key_id="id-only"),
    )
    for chosen, count in (
        ({"model": "a"}, 2), ({"user": "u"}, 2), ({"key": "id-only"}, 1),
        ({"model": "a", "user": "u"}, 1), ({"tenant": "default"}, 3), ({"tenant": "other"}, 0),
        ({"model": "a' OR 1=1 --"}, 0),
    ):  # fmt: skip
        narrowed = Scope(scope.time, **chosen)
        assert overview.totals(store, narrowed).requests == count, chosen
        assert overview.choices(store, narrowed).models == ("a", "b")
    assert overview.choices(store, scope).keys == ("id-only", "k")
