"""The windows a budget counts in: UTC days, UTC months, or all time. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Window:
    """One window: its name in the ledger and when it ends (None: never)."""

    name: str
    ends_at: datetime | None


def window_at(period: str, now_s: float) -> Window:
    """Return the window of ``day``, ``month`` or ``total`` that holds the moment ``now_s``.

    Raises ValueError for any other period.
    """
    if period == "total":
        return Window("total", None)
    today = datetime.fromtimestamp(now_s, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return Window(today.strftime("%Y-%m-%d"), today + timedelta(days=1))
    if period == "month":
        first = today.replace(day=1)
        return Window(first.strftime("%Y-%m"), (first + timedelta(days=32)).replace(day=1))
    raise ValueError(f"a budget's period is day, month or total, not {period!r}")
