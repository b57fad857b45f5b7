"""Cells as the types they are."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from tollkeeper_dashboard.queries import reading


def test_fixed_strings_lose_their_padding() -> None:
    assert reading.text(b"abc\0\0") == "abc"
    assert reading.text("abc") == "abc"
    assert reading.text(b"\xff") == "\ufffd"


def test_whole_numbers_stay_whole() -> None:
    assert reading.whole(2**63) == 2**63
    assert reading.whole(True) == 1
    with pytest.raises(TypeError):
        reading.whole("7")


def test_money_is_exact_or_unknown_and_never_a_float() -> None:
    assert reading.price(None) is None
    assert reading.price(Decimal("0.000000000001")) == Decimal("0.000000000001")
    with pytest.raises(TypeError):
        reading.decimal(0.1)


def test_a_quantile_of_nothing_is_nothing() -> None:
    assert reading.number(float("nan")) is None
    assert reading.number(None) is None
    assert reading.number(1) == 1.0


def test_times_are_utc_whatever_the_driver_says() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert reading.moment(datetime(2026, 1, 1, 12)) == noon
    assert reading.moment(datetime(2026, 1, 1, 13, tzinfo=timezone(timedelta(hours=1)))) == noon
    with pytest.raises(TypeError):
        reading.moment("2026-01-01")


def test_lists_and_maps_of_anything_else_are_empty() -> None:
    assert reading.items((1, 2)) == [1, 2]
    assert reading.items("ab") == []
    assert reading.pairs({"a": 1}) == {"a": "1"}
    assert reading.pairs(None) == {}
