"""Sums per hour and day, recomputed for every hour in which something changed: plan and shell.

Calls that came since the last run, however old, make their hours dirty; a dirty hour is computed
whole from the deduplicated calls, so repeats, corrections and late spans end in the right sums. One
run per minute; two at once are wasteful and harmless.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from threading import Event
from typing import Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error

from tollkeeper_collector import queries
from tollkeeper_collector.store import StoreUnavailable
from tollkeeper_collector.store.failure import first_line
from tollkeeper_collector.store.opening import Engine

log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
HOUR_S: Final = 3600
DAY_S: Final = 86_400
# A block's version is taken when its insert begins, and it is seen when it ends: look back as far
# as the longest insert may take (the client's timeout).
OVERLAP_MS: Final = 300_000
HOURS_AT_ONCE: Final = 48  # bounds the memory of one recomputation after a long absence


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of whole hours; Unix seconds, the end not included."""

    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run recomputes: hours first, then the days they lie in, by their midnights."""

    hours: tuple[Span, ...]
    days_s: tuple[int, ...]


def plan(dirty_hours_s: Iterable[int]) -> Plan:
    """Return the stretches that cover all dirty hours and their days, in order of time."""
    hours = sorted(set(dirty_hours_s))
    days = sorted({hour - hour % DAY_S for hour in hours})
    return Plan(hours=tuple(_stretches(hours)), days_s=tuple(days))


def look_back(since_ms: int) -> int:
    """Return from which version on calls may not have been seen by the run at ``since_ms``."""
    return max(0, since_ms - OVERLAP_MS)


def _stretches(hours: list[int]) -> Iterable[Span]:
    """Yield stretches over neighbouring hours, none longer than ``HOURS_AT_ONCE``."""
    open_at: int | None = None
    for hour, following in zip_longest(hours, hours[1:]):
        open_at = hour if open_at is None else open_at
        end = hour + HOUR_S
        if following != end or end - open_at >= HOURS_AT_ONCE * HOUR_S:
            yield Span(open_at, end)
            open_at = None


class Rollups:
    """The job: asks what is dirty, recomputes it, remembers how far it came."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._since_ms: int | None = None

    def run_once(self) -> Plan:
        """Bring the sums up to date and return what was recomputed; StoreUnavailable."""
        client = self._engine.client()
        try:
            return self._recompute(client)
        except Error as failure:
            raise StoreUnavailable(first_line(failure)) from failure
        finally:
            client.close()

    def run_until(self, stop: Event, *, every_s: float = EVERY_S) -> None:
        """Run once per ``every_s`` until told to stop; a failed run is logged and tried again."""
        while not stop.is_set():
            began_s = time.monotonic()
            self._run_and_log()
            stop.wait(max(0.0, every_s - (time.monotonic() - began_s)))

    def _run_and_log(self) -> None:
        try:
            self.run_once()
        except Exception:  # the background loop: whatever it was, the next minute tries again
            log.exception("the sums per hour could not be brought up to date")

    def _recompute(self, client: Client) -> Plan:
        now_ms = queries.engine_time_ms(client)
        if self._since_ms is None:
            self._since_ms = queries.last_run_ms(client)
        since_ms = look_back(self._since_ms)
        planned = plan(queries.dirty_hours_s(client, since_ms))
        for span in planned.hours:
            queries.recompute_hours(client, span.start_s, span.end_s, since_ms)
        if planned.days_s:
            queries.recompute_days(client, list(planned.days_s), now_ms)
        self._since_ms = now_ms
        return planned
