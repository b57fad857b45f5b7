"""The list of calls as Streamlit runs it, over a real endpoint."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest
from tests.dashboard.book import call
from tests.dashboard.reading_room import ReadingRoom

from tollkeeper_dashboard.queries.calls import PAGE, Call
from tollkeeper_dashboard.views import traces

Pages = Callable[..., AppTest]


@pytest.fixture
def listed(pages: Pages) -> Callable[..., AppTest]:
    """Open the list: its page is not the first one."""

    def run(**parameters: str) -> AppTest:
        page = pages(trace="")
        del page.query_params["trace"]
        for name, value in parameters.items():
            page.query_params[name] = value
        return page.run()

    return run


def test_calls_are_listed_newest_first(
    room: ReadingRoom, listed: Callable[..., AppTest], now: datetime
) -> None:
    room.write(
        call(1, now - timedelta(minutes=9), model="old"),
        call(2, now - timedelta(minutes=5), model="new", error_type="timeout", cost=None),
    )
    page = listed()
    assert not page.exception
    frame = page.dataframe[0].value
    assert list(frame["model"]) == ["new", "old"]
    assert list(frame["outcome"]) == ["timeout", "ok"]
    assert list(frame["cost"]) == ["—", "$0.001"]


def test_the_outcome_narrows_the_list(
    room: ReadingRoom, listed: Callable[..., AppTest], now: datetime
) -> None:
    at = now - timedelta(minutes=5)
    room.write(call(1, at), call(2, at, outcome="refused", policy_blocked="pii", cost=None))
    page = listed(outcome="Blocked")
    assert list(page.dataframe[0].value["outcome"]) == ["blocked: pii"]


def test_pages_are_turned(room: ReadingRoom, listed: Callable[..., AppTest], now: datetime) -> None:
    room.write(*(call(n, now - timedelta(seconds=n)) for n in range(1, PAGE + 4)))
    page = listed()
    assert len(page.dataframe[0].value) == PAGE
    buttons = {button.label: button for button in page.button}
    assert buttons["Newer"].disabled
    buttons["Older"].click().run()
    assert len(page.dataframe[0].value) == 3


def test_a_trace_id_in_the_search_opens_the_trace(
    room: ReadingRoom, listed: Callable[..., AppTest], now: datetime
) -> None:
    room.write(call(1, now - timedelta(minutes=5), trace_id="ab" * 16))
    page = listed()
    page.text_input(key="text").set_value("ab" * 16).run()
    assert not page.exception
    assert page.query_params["trace"] == "ab" * 16
    assert {each.label for each in page.metric} >= {"Duration", "Spans"}


def test_nothing_found_is_said(listed: Callable[..., AppTest]) -> None:
    assert listed().info[0].value.startswith("No call fits.")


def test_unknown_is_told_from_free_and_from_nothing() -> None:
    def one(fate: str, cost: Decimal | None, *, usage: bool = True) -> Call:
        return Call(
            datetime(2026, 1, 1, tzinfo=UTC), "t", "s", "chat", "p", "m", "k", "u", "", fate, "",
            "", 0, 1, 0, usage, 1, 2, cost, "off", 0, False, "a\n\nb", (),
        )  # fmt: skip

    table = traces.table(
        [one("ok", None, usage=False), one("ok", Decimal(0)), one("blocked", None)]
    )
    assert table["cost"] == ["unknown", "$0.00", "—"]
    assert table["input"] == [None, 1, 1]
    assert table["prompt"][0] == "a b"
