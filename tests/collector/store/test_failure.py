"""Which failures are the rows' own fault and which are worth waiting for."""

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, DataError, OperationalError

from tollkeeper_collector.store import StoreRefused, StoreUnavailable
from tollkeeper_collector.store.failure import first_line, meaning

PARTITIONS = "Code: 252. Too many partitions for single INSERT block (more than 100)."


@pytest.mark.parametrize(
    "failure",
    [
        DatabaseError("Code: 53.", code=53),
        DatabaseError("Code: 407.", code=407),
        DatabaseError(PARTITIONS, code=252),
        DataError("a column does not fit"),
        TypeError("an int is required"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    ],
)
def test_refuses_for_good_what_the_rows_cause(failure: Exception) -> None:
    assert isinstance(meaning(failure), StoreRefused)


@pytest.mark.parametrize(
    "failure",
    [
        DatabaseError("Code: 252. Too many parts (3001).", code=252),
        DatabaseError("Code: 241. Memory limit exceeded.", code=241),
        DatabaseError("Code: 60. Unknown table.", code=60),
        DatabaseError("Code: 99999. Not heard of yet.", code=99999),
        DatabaseError("no code at all"),
        OperationalError("Connection refused"),
        OSError(28, "No space left on device"),
    ],
)
def test_waits_for_everything_else(failure: Exception) -> None:
    assert isinstance(meaning(failure), StoreUnavailable)


def test_says_it_in_one_short_line() -> None:
    assert first_line(ValueError("first\nsecond")) == "first"
    assert first_line(ValueError()) == "ValueError"
    assert len(first_line(ValueError("x" * 10_000))) == 500
