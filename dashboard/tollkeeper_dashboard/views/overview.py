"""The first page: what was asked, what it cost, how long it took, what went wrong."""

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st

from tollkeeper_dashboard import charts
from tollkeeper_dashboard import format as shown
from tollkeeper_dashboard.client import Asks
from tollkeeper_dashboard.queries import overview
from tollkeeper_dashboard.queries.overview import Part, Sums
from tollkeeper_dashboard.queries.scope import Dimension, Scope
from tollkeeper_dashboard.ranges import TimeRange
from tollkeeper_dashboard.views import choosing, first_steps

SPLITS: Final[dict[str, Dimension]] = {"Model": "model", "Key": "key", "User": "user"}
NAMELESS: Final[dict[Dimension, str]] = {
    "model": "(no model)",
    "key": "(no key)",
    "user": "(no user named)",
}
Table = Mapping[str, Sequence[str | float | None]]
MONEY_COLUMN: Final = "$%.6f"


def show(store: Asks, proxy_port: int) -> None:
    """Show the page."""
    within = choosing.time_range()
    scope = choosing.scope(store, within)
    sums = overview.totals(store, scope)
    if sums.requests == 0:
        _nothing(store, scope, proxy_port)
        return
    _tiles(sums)
    _pictures(store, scope, within)
    _table(store, scope)


def _nothing(store: Asks, scope: Scope, proxy_port: int) -> None:
    if overview.is_new(store):
        first_steps.show(proxy_port)
    else:
        st.info("Nothing happened in this range. Choose a longer one or fewer filters.")


def _tiles(sums: Sums) -> None:
    tiles = (
        ("Requests", shown.count(sums.requests), _failures(sums), ""),
        ("Cost", shown.money(sums.cost_usd), _unpriced(sums), _exact_cost(sums)),
        ("Tokens", shown.short_count(sums.input_tokens + sums.output_tokens), _tokens(sums), ""),
        ("Errors", shown.count(sums.failed), _of_all(sums.failed, sums), ""),
        ("Cache hits", shown.count(sums.cached), _of_all(sums.cached, sums), ""),
        ("Latency p50", shown.duration(sums.p50_ns), "half are faster", ""),
        ("Latency p95", shown.duration(sums.p95_ns), "1 in 20 is slower", ""),
        ("Latency p99", shown.duration(sums.p99_ns), "1 in 100 is slower", ""),
        ("Blocked", shown.count(sums.blocked), _of_all(sums.blocked, sums), ""),
        ("Redacted", shown.count(sums.redacted), _of_all(sums.redacted, sums), ""),
    )
    for row in (tiles[:5], tiles[5:]):
        for column, (label, value, note, explained) in zip(st.columns(5), row, strict=True):
            column.metric(
                label,
                value,
                delta=note,
                delta_color="off",
                delta_arrow="off",
                border=True,
                help=explained or None,
            )


def _failures(sums: Sums) -> str:
    return f"{shown.count(sums.ok)} answered by a model"


def _unpriced(sums: Sums) -> str:
    if sums.unpriced:
        return f"and {shown.count(sums.unpriced)} of unknown price"
    return "every price known"


def _exact_cost(sums: Sums) -> str:
    exact = f"Exactly {shown.exact_money(sums.cost_usd)}.".replace("$", "\\$")
    if sums.unpriced:
        exact += f" {shown.count(sums.unpriced)} answered calls have no known price: not included."
    return exact


def _tokens(sums: Sums) -> str:
    note = f"{shown.short_count(sums.input_tokens)} in, {shown.short_count(sums.output_tokens)} out"
    return f"{note}, {shown.count(sums.unmeasured)} uncounted" if sums.unmeasured else note


def _of_all(part: int, sums: Sums) -> str:
    return f"{shown.share(part, sums.requests)} of requests"


def _pictures(store: Asks, scope: Scope, within: TimeRange) -> None:
    moments = overview.over_time(store, scope)
    spent = overview.spending(store, scope)
    step_s = within.step_s
    pictures = (
        ("Requests", charts.requests(moments, step_s)),
        ("Cost by model", charts.cost(spent, within.buckets(), step_s)),
        ("Latency", charts.latency(moments, step_s)),
        ("Tokens", charts.tokens(moments, step_s)),
    )
    for pair in (pictures[:2], pictures[2:]):
        for column, (title, chart) in zip(st.columns(2), pair, strict=True):
            with column.container(border=True):
                st.markdown(f"**{title}**")
                st.altair_chart(chart, width="stretch", alt=f"{title} over time")


def _table(store: Asks, scope: Scope) -> None:
    with st.container(border=True):
        chosen = st.segmented_control(
            "By",
            list(SPLITS),
            default="Model",
            required=True,
            key="by",
            bind="query-params",
            label_visibility="collapsed",
        )
        dimension = SPLITS[chosen]
        parts = overview.by(store, scope, dimension)
        number = st.column_config.NumberColumn
        st.dataframe(
            table(parts, dimension),
            hide_index=True,
            placeholder=shown.UNKNOWN,
            width="stretch",
            column_config={
                "name": st.column_config.TextColumn(dimension.capitalize(), width="medium"),
                "requests": number("Requests", format="localized"),
                "cost": number("Cost", format=MONEY_COLUMN),
                "unpriced": number("Price unknown", format="localized"),
                "input": number("Tokens in", format="localized"),
                "output": number("Tokens out", format="localized"),
                "errors": number("Errors", format="%.1f %%"),
                "blocked": number("Blocked", format="localized"),
                "cached": number("Cache hits", format="localized"),
                "p50": number("p50", format="%.0f ms"),
                "p95": number("p95", format="%.0f ms"),
            },
        )


def table(parts: list[Part], dimension: Dimension) -> Table:
    """Return the sums by name as columns of numbers."""
    return {
        "name": [part.name or NAMELESS[dimension] for part in parts],
        "requests": [part.sums.requests for part in parts],
        "cost": [_dollars(part.sums) for part in parts],
        "unpriced": [part.sums.unpriced for part in parts],
        "input": [part.sums.input_tokens for part in parts],
        "output": [part.sums.output_tokens for part in parts],
        "errors": [_percent(part.sums.failed, part.sums.requests) for part in parts],
        "blocked": [part.sums.blocked for part in parts],
        "cached": [part.sums.cached for part in parts],
        "p50": [_milliseconds(part.sums.p50_ns) for part in parts],
        "p95": [_milliseconds(part.sums.p95_ns) for part in parts],
    }


def _dollars(sums: Sums) -> float | None:
    """Return what is known of the cost, None where nothing is: never a 0 nobody knows of."""
    return None if sums.unpriced and sums.cost_usd == 0 else float(sums.cost_usd)


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def _milliseconds(nanoseconds: float | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e6
