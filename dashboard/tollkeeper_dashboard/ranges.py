"""Spans of time a page may show: a choice and a clock in, bounds and a bucket width out. All UTC.

Bounds are aligned to buckets, so that two looks within one bucket see the same bars.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

MAX_BUCKETS: Final = 60
# Widths that divide an hour, a day or a week evenly, in seconds.
WIDTHS_S: Final = tuple(
    unit * many
    for unit, multiples in (
        (1, (15, 30)),
        (60, (1, 2, 5, 10, 15, 30)),
        (3_600, (1, 2, 3, 6, 12)),
        (86_400, (1, 2, 7)),
    )
    for many in multiples
)
CUSTOM: Final = "Custom"
CHOICES: Final[dict[str, timedelta]] = {
    "15 min": timedelta(minutes=15),
    "1 h": timedelta(hours=1),
    "24 h": timedelta(hours=24),
    "7 d": timedelta(days=7),
    "30 d": timedelta(days=30),
}
DEFAULT: Final = "24 h"
LONGEST: Final = timedelta(days=400)  # as long as hourly sums are kept
MICROSECOND: Final = timedelta(microseconds=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From ``since`` to before ``until``, in buckets of ``step_s`` seconds."""

    since: datetime
    until: datetime
    step_s: int

    @property
    def since_us(self) -> int:
        return (self.since - EPOCH) // MICROSECOND

    @property
    def until_us(self) -> int:
        return (self.until - EPOCH) // MICROSECOND

    def buckets(self) -> Iterator[datetime]:
        """Yield the start of every bucket, those without data too."""
        moment = self.since
        while moment < self.until:
            yield moment
            moment += timedelta(seconds=self.step_s)


def last(length: timedelta, now: datetime) -> TimeRange:
    """Return the range that ends with the bucket of ``now`` and is ``length`` long."""
    return between(now - length, now)


def between(since: datetime, until: datetime) -> TimeRange:
    """Return the range around two moments, widened to whole buckets; ValueError for none."""
    if until <= since:
        raise ValueError("the end is not after the beginning")
    if until - since > LONGEST:
        raise ValueError(f"longer than {LONGEST.days} days")
    step_s = _width((until - since).total_seconds())
    return TimeRange(_down(since, step_s), _up(until, step_s), step_s)


def _width(length_s: float) -> int:
    return next((width for width in WIDTHS_S if length_s / width <= MAX_BUCKETS), WIDTHS_S[-1])


def _down(moment: datetime, step_s: int) -> datetime:
    step = timedelta(seconds=step_s)
    return EPOCH + (moment - EPOCH) // step * step


def _up(moment: datetime, step_s: int) -> datetime:
    floor = _down(moment, step_s)
    return floor if floor == moment else floor + timedelta(seconds=step_s)
