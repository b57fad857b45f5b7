from datetime import UTC, datetime

import pytest

from tollkeeper_proxy.ledger.windows import window_at


def at(*moment: int) -> float:
    return datetime(*moment, tzinfo=UTC).timestamp()  # type: ignore[arg-type]  # a date's parts


@pytest.mark.parametrize(
    ("period", "moment", "name", "ends_at"),
    [
        ("day", (2026, 8, 22, 23, 59, 59), "2026-08-22", datetime(2026, 8, 23, tzinfo=UTC)),
        ("day", (2026, 12, 31, 12), "2026-12-31", datetime(2027, 1, 1, tzinfo=UTC)),
        ("month", (2026, 8, 31, 23, 59, 59), "2026-08", datetime(2026, 9, 1, tzinfo=UTC)),
        ("month", (2024, 2, 29), "2024-02", datetime(2024, 3, 1, tzinfo=UTC)),
        ("month", (2026, 12, 1), "2026-12", datetime(2027, 1, 1, tzinfo=UTC)),
        ("total", (2026, 8, 22), "total", None),
    ],
)
def test_names_the_utc_window_a_moment_falls_in(
    period: str, moment: tuple[int, ...], name: str, ends_at: datetime | None
) -> None:
    window = window_at(period, at(*moment))
    assert (window.name, window.ends_at) == (name, ends_at)


def test_refuses_a_period_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="fortnight"):
        window_at("fortnight", at(2026, 8, 22))
