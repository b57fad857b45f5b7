"""Sums per hour and day equal an exact recount, whatever came late, twice or corrected."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.collector.store.spans import NOON_NS, SECOND_NS, Span, block, call

from tollkeeper_collector import rollups
from tollkeeper_collector.rollups import HOUR_S, HOURS_AT_ONCE, Rollups, plan
from tollkeeper_collector.rollups import Span as Stretch
from tollkeeper_collector.store.clickhouse import ClickHouseStore

HOUR_NS = HOUR_S * SECOND_NS
MINUTE_NS = 60 * SECOND_NS
SUMS = "sum(calls), sum(input_tokens), sum(cost_usd), sum(calls_without_cost)"


def ask(store: ClickHouseStore, sql: str) -> list[tuple[Any, ...]]:
    client = store.engine.client()
    rows = [tuple(row) for row in client.query(sql).result_rows]
    client.close()
    return rows


def sums(store: ClickHouseStore, table: str = "llm_usage_hourly", where: str = "1") -> Any:
    return ask(store, f"SELECT {SUMS} FROM otel.{table} FINAL WHERE {where}")[0]


def sdk(number: int, response: str, at_ns: int = NOON_NS) -> Span:
    return replace(call(number, at_ns=at_ns, gen_ai__response__id=response), scope="openai")


def proxy(number: int, response: str, at_ns: int = NOON_NS) -> Span:
    return call(number, at_ns=at_ns, gen_ai__response__id=response)


def test_covers_dirty_hours_with_stretches_and_their_days() -> None:
    day = 86_400
    assert plan([]) == rollups.Plan((), ())
    assert plan([3600, 0, 3600, 2 * day]) == rollups.Plan(
        (Stretch(0, 7200), Stretch(2 * day, 2 * day + HOUR_S)), (0, 2 * day)
    )


@given(st.sets(st.integers(0, 300), max_size=200))
def test_stretches_hold_each_dirty_hour_once_and_are_short_enough(numbers: set[int]) -> None:
    hours = {n * HOUR_S for n in numbers}
    spans = plan(hours).hours
    covered = [hour for span in spans for hour in range(span.start_s, span.end_s, HOUR_S)]
    assert covered == sorted(hours)
    assert all(span.end_s - span.start_s <= HOURS_AT_ONCE * HOUR_S for span in spans)


def test_sums_calls_tokens_and_cost_per_hour_and_day(store: ClickHouseStore) -> None:
    store.insert(block([call(n, at_ns=NOON_NS + n * 20 * MINUTE_NS) for n in range(6)]))
    Rollups(store.engine).run_once()
    assert sums(store) == (6, 60, Decimal("0.000027"), 0)
    assert sums(store, "llm_usage_daily") == (6, 60, Decimal("0.000027"), 0)
    hours = ask(store, "SELECT hour, sum(calls) FROM otel.llm_usage_hourly FINAL GROUP BY hour")
    assert sorted(n for _, n in hours) == [3, 3]


def test_a_late_span_lands_in_the_hour_it_belongs_to(store: ClickHouseStore) -> None:
    job = Rollups(store.engine)
    store.insert(block([call(1)]))
    job.run_once()
    store.insert(block([call(2, at_ns=NOON_NS - 30 * 24 * HOUR_NS)]))
    job.run_once()
    assert sums(store)[0] == 2
    assert sums(store, "llm_usage_daily")[0] == 2


def test_a_restarted_job_goes_on_where_the_last_one_ended(store: ClickHouseStore) -> None:
    store.insert(block([call(1)]))
    Rollups(store.engine).run_once()
    store.insert(block([call(2)]))
    Rollups(store.engine).run_once()
    assert sums(store)[0] == 2


def test_a_run_that_died_before_its_end_is_done_again(store: ClickHouseStore) -> None:
    store.insert(block([call(1)]))
    Rollups(store.engine).run_once()
    client = store.engine.client()
    client.command("TRUNCATE TABLE otel.llm_usage_daily")  # the last act did not happen
    client.close()
    Rollups(store.engine).run_once()
    assert sums(store, "llm_usage_daily")[0] == 1


def test_a_correction_moves_the_call_and_leaves_zeros_behind(store: ClickHouseStore) -> None:
    job = Rollups(store.engine)
    store.insert(block([call(1, gen_ai__response__model="wrong")]))
    job.run_once()
    store.insert(block([call(1, gen_ai__response__model="right")]))
    job.run_once()
    for table in ("llm_usage_hourly", "llm_usage_daily"):
        rows = ask(store, f"SELECT model, calls, cost_usd FROM otel.{table} FINAL ORDER BY model")
        assert rows == [("right", 1, Decimal("0.0000045")), ("wrong", 0, Decimal(0))]


def test_a_span_sent_again_counts_once(store: ClickHouseStore) -> None:
    spans = [call(n) for n in range(18)]
    for sent in (spans, spans, list(reversed(spans)), spans[3:7]):
        store.insert(block(sent, token=str(len(sent)) + sent[0].span_id))
    Rollups(store.engine).run_once()
    assert sums(store)[0] == 18


@pytest.mark.parametrize("sdk_first", [True, False])
@pytest.mark.parametrize("at_ns", [NOON_NS, NOON_NS - SECOND_NS])
def test_a_call_that_sdk_and_proxy_report_counts_once(
    store: ClickHouseStore, sdk_first: bool, at_ns: int
) -> None:
    job = Rollups(store.engine)
    reports = [sdk(1, "r1", at_ns), proxy(2, "r1", NOON_NS)]
    for report in reports if sdk_first else reversed(reports):
        store.insert(block([report]))
        job.run_once()
    assert sums(store)[0] == 1


def test_cached_answers_of_one_response_are_calls_of_their_own(store: ClickHouseStore) -> None:
    hits = [call(n, gen_ai__response__id="r", tollkeeper__cache="hit") for n in (2, 3)]
    store.insert(block([proxy(1, "r"), *hits]))
    Rollups(store.engine).run_once()
    assert sums(store) == (3, 30, Decimal("0.0000045"), 0)
    assert ask(store, "SELECT sum(calls_cached) FROM otel.llm_usage_hourly FINAL") == [(2,)]


def test_a_refused_request_is_counted_and_costs_nothing(store: ClickHouseStore) -> None:
    refused = {"tollkeeper__outcome": "refused", "tollkeeper__policy__blocked": "injection"}
    store.insert(block([call(1, **refused)]))
    Rollups(store.engine).run_once()
    assert sums(store) == (1, 0, Decimal(0), 0)
    assert ask(store, "SELECT sum(calls_blocked) FROM otel.llm_usage_hourly FINAL") == [(1,)]


def test_an_unknown_price_is_counted_and_not_taken_for_zero(store: ClickHouseStore) -> None:
    store.insert(block([call(1, tollkeeper__cost__usd="")]))
    Rollups(store.engine).run_once()
    assert sums(store)[3] == 1


def test_does_nothing_when_nothing_came(store: ClickHouseStore) -> None:
    job = Rollups(store.engine)
    assert job.run_once() == rollups.Plan((), ())


@dataclass(frozen=True, slots=True)
class Report:
    """One span as hypothesis makes them: few values, so that they collide."""

    number: int
    tenant: str
    minute: int
    response: str
    model: str
    from_proxy: bool
    tokens: int
    priced: bool

    def span(self) -> Span:
        cost = "0.000000000003" if self.priced else ""
        made = call(
            self.number,
            tenant=self.tenant,
            at_ns=NOON_NS + self.minute * MINUTE_NS,
            gen_ai__response__id=self.response,
            gen_ai__response__model=self.model,
            gen_ai__usage__input_tokens=str(self.tokens),
            tollkeeper__cost__usd=cost,
        )
        return made if self.from_proxy else replace(made, scope="openai")


REPORTS = st.builds(
    Report,
    number=st.integers(0, 12),
    tenant=st.sampled_from(["t1", "t2"]),
    minute=st.sampled_from([0, 3, 9, 30, 58, 62, 69, 119, 121]),
    response=st.sampled_from(["", "r1", "r2"]),
    model=st.sampled_from(["m1", "m2"]),
    from_proxy=st.booleans(),
    tokens=st.integers(0, 1000),
    priced=st.booleans(),
)


def last_versions(reports: Iterable[Report]) -> list[Report]:
    """Return the last report of each span: one identity is tenant, five minutes, trace and span."""
    seen: dict[tuple[str, int, int], Report] = {}
    for report in reports:
        seen[report.tenant, report.minute // 5, report.number] = report
    return list(seen.values())


def recount(reports: Sequence[Report]) -> dict[tuple[str, int, str], tuple[int, int, Decimal]]:
    """Return calls, tokens and cost per tenant, hour and model, counted by hand."""
    rows = last_versions(reports)
    proxied = set()
    for row in (row for row in rows if row.from_proxy and row.response):
        hour = row.minute // 60
        proxied |= {(row.tenant, row.response, h) for h in (hour, hour - (row.minute % 60 < 10))}
    counted: dict[tuple[str, int, str], list[Report]] = defaultdict(list)
    for row in rows:
        twice = (row.tenant, row.response, row.minute // 60) in proxied
        if row.from_proxy or not row.response or not twice:
            counted[row.tenant, row.minute // 60, row.model].append(row)
    price = Decimal("0.000000000003")
    return {
        key: (len(group), sum(r.tokens for r in group), price * sum(r.priced for r in group))
        for key, group in counted.items()
    }


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(batches=st.lists(st.lists(REPORTS, min_size=1, max_size=12), min_size=1, max_size=4))
def test_sums_equal_a_recount_of_any_reports_in_any_order(
    store: ClickHouseStore, batches: list[list[Report]]
) -> None:
    client = store.engine.client()
    for table in ("otel_traces", "llm_calls", "llm_usage_hourly", "llm_usage_daily"):
        client.command(f"TRUNCATE TABLE otel.{table}")
    client.close()
    job = Rollups(store.engine)
    for number, batch in enumerate(batches):
        fresh = {
            (r.tenant, r.minute // 5, r.number): r for r in batch
        }  # versions within a block tie
        store.insert(
            block([report.span() for report in fresh.values()], token=f"{id(batch)}{number}")
        )
        wait_for_next_version(store)
        job.run_once()
    sent = [
        r
        for batch in batches
        for r in {(x.tenant, x.minute // 5, x.number): x for x in batch}.values()
    ]
    found = ask(
        store,
        "SELECT tenant_id,"
        f" toUInt32((toUnixTimestamp(hour) - {NOON_NS // SECOND_NS}) / 3600), model,"
        " sum(calls), sum(input_tokens), sum(cost_usd) FROM otel.llm_usage_hourly FINAL"
        " WHERE calls > 0 GROUP BY ALL",
    )
    assert {row[:3]: row[3:] for row in found} == recount(sent)
    daily = sums(store, "llm_usage_daily")
    assert daily[:3] == sums(store)[:3]


def wait_for_next_version(store: ClickHouseStore) -> None:
    """Return in a later millisecond: a version is a time, and two in one instant are a tie."""
    newest = ask(store, "SELECT max(version) FROM otel.llm_calls")[0][0]
    while ask(store, "SELECT toUnixTimestamp64Milli(now64(3))")[0][0] <= newest:
        pass
