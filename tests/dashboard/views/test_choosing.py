"""The controls above every page."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest
from tests.dashboard.book import call
from tests.dashboard.reading_room import ReadingRoom

from tollkeeper_dashboard.served import SERVING
from tollkeeper_dashboard.views import choosing

Pages = Callable[..., AppTest]


def test_the_clock_of_the_process_is_used_unless_another_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert SERVING.now_s is None
    assert choosing.now().tzinfo is not None
    monkeypatch.setattr(SERVING, "now_s", lambda: 0.0)
    assert choosing.now().year == 1970


def test_every_name_of_the_range_can_be_chosen(
    room: ReadingRoom, pages: Pages, now: datetime
) -> None:
    at = now - timedelta(minutes=5)
    room.write(call(1, at, model="b", user_id="u", key_name="k"), call(2, at, model="a"))
    page = pages()
    options = {each.key: list(each.options) for each in page.selectbox}
    assert options == {
        "model": ["All models", "a", "b"],
        "key": ["All keys", "k"],
        "user": ["All users", "u"],
    }


def test_a_custom_range_is_asked_for_and_shown(
    room: ReadingRoom, pages: Pages, now: datetime
) -> None:
    room.write(call(1, now - timedelta(minutes=5)))
    page = pages(range="Custom")
    assert not page.exception
    assert page.metric[0].value == "1"
    assert [each.label for each in page.datetime_input] == ["From (UTC)", "To (UTC)"]


def test_a_range_that_is_none_is_said_and_nothing_is_asked(pages: Pages, now: datetime) -> None:
    page = pages(range="Custom")
    page.datetime_input[0].set_value(now.replace(tzinfo=None) + timedelta(days=3)).run()
    assert page.warning[0].value.startswith("This range cannot be shown")
    assert not page.metric


@pytest.mark.parametrize("value", ["0", "'; DROP TABLE x", "1 h ", "Custom' OR 1"])
def test_an_address_with_an_unknown_range_shows_the_usual_one(pages: Pages, value: str) -> None:
    page = pages(range=value)
    assert not page.exception
    assert page.button_group(key="range").value == "24 h"
