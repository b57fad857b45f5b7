"""Charts as what they tell Vega: the numbers, the order, and nothing a name could smuggle in."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_dashboard import charts
from tollkeeper_dashboard.queries.overview import Moment, Spent, Sums
from tollkeeper_dashboard.queries.trace import Span
from tollkeeper_dashboard.waterfall import lines, total_ns

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
STEP_S = 1_800


def values(chart: charts.Chart) -> list[charts.Datum]:
    (found,) = chart.to_dict()["datasets"].values()
    return list(found)


def span(
    name: str, parent: str = "", start: int = 0, duration: int = 10, **attributes: str
) -> Span:
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    return Span(name, parent, name, "", "shop", "", "t", start, duration, False, "", named)


def test_requests_are_stacked_by_what_became_of_them() -> None:
    sums = Sums(requests=10, failed=1, blocked=2, cached=3)
    rows = values(charts.requests([Moment(AT, sums)], STEP_S))
    assert [(r["series"], r["low"], r["high"]) for r in rows] == [
        ("ok", 0, 4),
        ("cached", 4, 7),
        ("blocked", 7, 9),
        ("failed", 9, 10),
    ]
    assert {r["when"] for r in rows} == {"20 Nov 12:00 UTC"}


def test_every_bucket_lies_inside_its_own_bounds() -> None:
    moments = [Moment(AT + timedelta(seconds=STEP_S * n), Sums()) for n in range(3)]
    rows = values(charts.tokens(moments, STEP_S))
    for row in rows:
        start = round(AT.timestamp() * 1_000)
        assert 0 < (row["from"] - start) % (STEP_S * 1_000) < (row["to"] - start) % (STEP_S * 1_000)


def test_latency_has_a_gap_where_nothing_was_called() -> None:
    some = Sums(requests=1, p50_ns=1e9, p95_ns=2e9, p99_ns=3e9)
    rows = values(charts.latency([Moment(AT, some), Moment(AT, Sums())], STEP_S))
    assert [row["value"] for row in rows] == [1, 2, 3, None, None, None]
    assert rows[0]["text"] == "1.00 s"


def test_beyond_six_models_the_cheapest_are_one() -> None:
    spent = [Spent(AT, f"m{n}", Decimal(10 - n)) for n in range(9)]
    grouped = charts.by_model(spent)
    assert list(grouped) == ["m0", "m1", "m2", "m3", "m4", "m5", "other"]
    assert grouped["other"][AT] == Decimal(4 + 3 + 2)


@given(
    amounts=st.lists(
        st.tuples(st.sampled_from("abcdefghijkl"), st.integers(1, 10**12)), max_size=30
    )
)
def test_no_cent_is_lost_by_grouping(amounts: list[tuple[str, int]]) -> None:
    spent = [Spent(AT, model, Decimal(nano) / 10**9) for model, nano in amounts]
    grouped = charts.by_model(spent)
    total = sum((sum(buckets.values(), Decimal(0)) for buckets in grouped.values()), Decimal(0))
    assert total == sum((each.cost_usd for each in spent), Decimal(0))


def test_a_range_that_cost_nothing_has_an_empty_chart() -> None:
    rows = values(charts.cost([], [AT], STEP_S))
    assert [(row["value"], row["text"]) for row in rows] == [(0.0, "$0.00")]


@pytest.mark.parametrize(
    ("largest", "pattern"),
    [
        (0, "$.2f"),
        (12_345, "$,.0f"),
        (2, "$,.2f"),
        (0.05, "$.3f"),
        (0.0005, "$.5f"),
        (1e-6, "$.7f"),
    ],
)
def test_the_axis_tells_its_ticks_apart(largest: float, pattern: str) -> None:
    assert charts.money_axis(largest) == pattern


def test_a_waterfall_has_a_line_per_span_where_it_was_in_time() -> None:
    spans = [
        span("root", duration=100_000_000),
        span("call", "root", 20_000_000, 30_000_000, gen_ai__operation__name="chat"),
    ]
    tree = lines(spans)
    rows = values(charts.waterfall(tree, total_ns(spans)))
    assert [(r["name"], r["from"], r["to"], r["kind"]) for r in rows] == [
        ("root", 0.0, 100.0, "span"),
        ("call", 20.0, 50.0, "model call"),
    ]
    assert rows[1]["label"].startswith(charts.INDENT)


def test_lines_of_the_same_name_stay_apart() -> None:
    spans = [span("root")] + [
        Span(str(n), "root", "same", "", "", "", "t", n, 1, False, "", {}) for n in range(50)
    ]
    rows = values(charts.waterfall(lines(spans), total_ns(spans)))
    assert len({row["label"] for row in rows}) == len(rows) == 51


def test_what_is_too_short_to_see_is_widened_and_said_truly() -> None:
    spans = [span("root", duration=10**9), span("blink", "root", 0, 1_000)]
    rows = values(charts.waterfall(lines(spans), total_ns(spans)))
    assert rows[1]["to"] > 1
    assert rows[1]["time"] == "1 µs"


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("chat", "model call"),
        ("embeddings", "model call"),
        ("execute_tool", "tool"),
        ("invoke_agent", "agent"),
        ("invoke_workflow", "agent"),
        ("", "span"),
    ],
)
def test_a_span_has_the_colour_of_its_operation(operation: str, kind: str) -> None:
    (line,) = lines([span("s", gen_ai__operation__name=operation)])
    assert charts.kind_of(line) == kind


def test_names_from_outside_are_data_and_never_expressions() -> None:
    hostile = '"+alert(1)+"</script><img src=x>'
    spans = [span(hostile)]
    whole = charts.waterfall(lines(spans), 10).to_dict()
    (rows,) = whole.pop("datasets").values()
    assert rows[0]["name"] == hostile
    assert "alert" not in str(whole)
