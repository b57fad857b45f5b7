"""Numbers as people read them: never more exact than they are, never a zero nobody measured."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_dashboard.format import (
    duration,
    exact_money,
    inert,
    money,
    share,
    short_count,
)


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (None, "unknown"),
        ("0", "$0.00"),
        ("0.000000000001", "<$0.000001"),
        ("0.0000123", "$0.000012"),
        ("0.00021", "$0.00021"),
        ("0.5", "$0.50"),
        ("0.123456", "$0.1235"),
        ("0.99999", "$1.00"),
        ("1", "$1.00"),
        ("1234.565", "$1,234.56"),
        ("1234567.899", "$1,234,567.90"),
        ("1000000000000000000", "$1,000,000,000,000,000,000.00"),
        ("-2.5", "-$2.50"),
    ],
)
def test_money(usd: str | None, text: str) -> None:
    assert money(None if usd is None else Decimal(usd)) == text


@given(nanousd=st.integers(0, 10**18))
def test_exact_money_loses_nothing(nanousd: int) -> None:
    usd = Decimal(nanousd) / 10**9
    assert Decimal(exact_money(usd).removeprefix("$")) == usd


@given(nanousd=st.integers(1, 10**15))
def test_money_is_near_and_never_a_false_zero(nanousd: int) -> None:
    usd = Decimal(nanousd) / 10**9
    text = money(usd)
    if text.startswith("<"):
        assert usd < Decimal("0.000001")
        return
    shown = Decimal(text.removeprefix("$").replace(",", ""))
    assert shown > 0
    assert abs(shown - usd) <= max(usd * Decimal("0.06"), Decimal("0.0000005"))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1.00k"),
        (1_234, "1.23k"),
        (45_600, "45.6k"),
        (999_499, "999k"),
        (999_600, "1.00M"),
        (1_840_000, "1.84M"),
        (10**12, "1.00T"),
        (10**16, "10000T"),
    ],
)
def test_short_count(number: int, text: str) -> None:
    assert short_count(number) == text


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (None, "—"),
        (0, "0 µs"),
        (812_000, "812 µs"),
        (999_600, "1.0 ms"),
        (1_250_000, "1.2 ms"),
        (812_000_000, "812 ms"),
        (999_600_000, "1.00 s"),
        (1_240_000_000, "1.24 s"),
        (59_999_000_000, "1 min 00 s"),
        (125_000_000_000, "2 min 05 s"),
        (7_380_000_000_000, "2 h 03 min"),
    ],
)
def test_duration(nanoseconds: float | None, text: str) -> None:
    assert duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "—"),
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (1, 3, "33.3 %"),
        (1, 10_000, "<0.1 %"),
        (9_999, 10_000, ">99.9 %"),
    ],
)
def test_share(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text


@pytest.mark.parametrize(
    "hostile",
    ["![x](http://evil/p.png)", "[a](javascript:b)", "$x$", "<b>", "a\n# b", ":material/x:", "`c`"],
)
def test_inert_text_has_no_markdown_left(hostile: str) -> None:
    shown = inert(hostile)
    assert "\n" not in shown
    for index, character in enumerate(shown):
        if character in "![]()<>$#:`*_":
            assert shown[index - 1] == "\\"
