"""Spans of time: aligned to buckets, never too many of them, UTC whatever the clock's zone."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_dashboard.ranges import CHOICES, LONGEST, MAX_BUCKETS, between, last

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(since=MOMENTS, length_s=st.floats(0.001, LONGEST.total_seconds()))
def test_the_buckets_cover_the_range_without_a_gap(since: datetime, length_s: float) -> None:
    until = since + timedelta(seconds=length_s)
    found = between(since, until)
    buckets = list(found.buckets())
    step = timedelta(seconds=found.step_s)
    assert found.since <= since
    assert until <= found.until < until + step
    assert buckets[0] == found.since
    assert buckets[-1] + step == found.until
    assert len(buckets) <= MAX_BUCKETS + 1
    assert all(later - earlier == step for earlier, later in pairwise(buckets))


@pytest.mark.parametrize("choice", list(CHOICES))
def test_every_choice_ends_with_the_bucket_of_now(choice: str) -> None:
    now = datetime(2026, 3, 29, 1, 59, 59, tzinfo=UTC)
    found = last(CHOICES[choice], now)
    assert found.since <= now - CHOICES[choice]
    assert now < found.until
    assert 15 <= len(list(found.buckets())) <= MAX_BUCKETS + 1


def test_two_looks_within_one_bucket_see_the_same_range() -> None:
    first = last(CHOICES["24 h"], datetime(2026, 11, 20, 12, 1, tzinfo=UTC))
    second = last(CHOICES["24 h"], datetime(2026, 11, 20, 12, 29, tzinfo=UTC))
    assert first == second


def test_the_change_of_the_clocks_makes_no_day_longer() -> None:
    berlin = timezone(timedelta(hours=1))
    found = between(datetime(2026, 3, 28, tzinfo=berlin), datetime(2026, 4, 12, tzinfo=berlin))
    assert {(b.hour, b.minute) for b in found.buckets()} <= {(h, 0) for h in range(0, 24, 6)}


def test_microseconds_are_exact() -> None:
    found = between(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    assert found.since_us == 1_767_225_600_000_000
    assert found.until_us - found.since_us == 86_400_000_000


@pytest.mark.parametrize("days", [0, -1, 401])
def test_a_range_that_is_none_is_refused(days: int) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match=r"end|longer"):
        between(since, since + timedelta(days=days))
