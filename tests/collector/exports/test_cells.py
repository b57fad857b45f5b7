"""Cells: no spreadsheet runs them, and what was put in comes back out."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from tollkeeper_collector.exports.cells import RISKY, guarded, instant, money, unguarded

TEXT = st.text(alphabet="=+-@'\"\t\r\n \0\uff1da1") | st.text()


@given(TEXT)
@example("'\r")
def test_guards_every_formula_and_gives_every_text_back(text: str) -> None:
    cell = guarded(text)
    assert cell in (text, f"'{text}")
    assert cell[:1] not in tuple("=+-@\t\r\n")
    assert unguarded(cell) == text


@given(st.text(alphabet="abc 1.,;:"))
def test_leaves_harmless_text_alone(text: str) -> None:
    assert RISKY.match(text) is not None or guarded(text) == text


def test_writes_money_and_time_exactly() -> None:
    assert money(Decimal("1E-12")) == "0.000000000001"
    assert money(Decimal("999999.999999999999")) == "999999.999999999999"
    assert money(None) is None
    assert instant(datetime(2026, 11, 21, 1, 2, 3, 4, UTC)) == "2026-11-21T01:02:03.000004Z"
    assert instant(datetime(2026, 11, 21)) == "2026-11-21T00:00:00.000000Z"
