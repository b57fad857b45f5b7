from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from tollkeeper.control.tables import Instant

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BERLIN = timezone(timedelta(hours=1))


def test_a_moment_is_stored_in_utc_whatever_its_zone() -> None:
    there = NOON.astimezone(BERLIN)
    stored = Instant().process_bind_param(there, SQLiteDialect_pysqlite())
    assert stored == NOON
    assert stored is not None
    assert stored.utcoffset() == timedelta(0)


def test_a_moment_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Instant().process_bind_param(NOON.replace(tzinfo=None), SQLiteDialect_pysqlite())


@pytest.mark.parametrize("read", [NOON.replace(tzinfo=None), NOON, NOON.astimezone(BERLIN)])
def test_what_is_read_is_in_utc_also_where_the_store_forgot_it(read: datetime) -> None:
    found = Instant().process_result_value(read, SQLiteDialect_pysqlite())
    assert found == NOON
    assert found is not None
    assert found.tzinfo is UTC


def test_no_moment_stays_none() -> None:
    assert Instant().process_bind_param(None, SQLiteDialect_pysqlite()) is None
    assert Instant().process_result_value(None, SQLiteDialect_pysqlite()) is None
