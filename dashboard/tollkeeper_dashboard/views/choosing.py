"""The controls above every page: a range of time, and a model, key, user or tenant.

What is chosen stands in the page's address, so that a view can be kept and passed on.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import streamlit as st

from tollkeeper_dashboard import ranges
from tollkeeper_dashboard.client import Asks
from tollkeeper_dashboard.queries import overview
from tollkeeper_dashboard.queries.scope import Scope
from tollkeeper_dashboard.ranges import TimeRange
from tollkeeper_dashboard.served import SERVING

ALL: Final = ""


def now() -> datetime:
    """Return the time of this run, in UTC."""
    if SERVING.now_s is not None:
        return datetime.fromtimestamp(SERVING.now_s(), UTC)
    return datetime.now(UTC)


def time_range() -> TimeRange:
    """Show the control for the range and return what is chosen."""
    chosen = st.segmented_control(
        "Range",
        [*ranges.CHOICES, ranges.CUSTOM],
        default=ranges.DEFAULT,
        required=True,
        key="range",
        bind="query-params",
        label_visibility="collapsed",
    )
    if chosen == ranges.CUSTOM:
        return _custom()
    return ranges.last(ranges.CHOICES[chosen or ranges.DEFAULT], now())


def scope(store: Asks, within: TimeRange) -> Scope:
    """Show the filters and return the range with what is chosen."""
    known = overview.choices(store, Scope(within))
    several = len(known.tenants) > 1
    columns = st.columns(4 if several else 3)
    with columns[0]:
        model = _one_of("model", "All models", known.models)
    with columns[1]:
        key = _one_of("key", "All keys", known.keys)
    with columns[2]:
        user = _one_of("user", "All users", known.users)
    tenant = ALL
    if several:
        with columns[3]:
            tenant = _one_of("tenant", "All tenants", known.tenants)
    return Scope(within, model, key, user, tenant)


def _one_of(name: str, everything: str, known: tuple[str, ...]) -> str:
    chosen = st.selectbox(
        everything,
        [ALL, *known],
        format_func=lambda each: each or everything,
        key=name,
        bind="query-params",
        label_visibility="collapsed",
    )
    return chosen or ALL


def _custom() -> TimeRange:
    today = now().date()
    left, right, _ = st.columns([1, 1, 2])
    with left:
        first = _moment("From (UTC)", "from", today - timedelta(days=1), time(0))
    with right:
        last = _moment("To (UTC)", "to", today, time(23, 59))
    try:
        return ranges.between(first, last)
    except ValueError as problem:
        st.warning(f"This range cannot be shown: {problem}.")
        st.stop()


def _moment(label: str, key: str, day: date, at: time) -> datetime:
    chosen = st.datetime_input(label, value=datetime.combine(day, at), key=key, step=900)
    return (chosen or datetime.combine(day, at)).replace(tzinfo=UTC)
