"""The overview as Streamlit runs it, over a real endpoint."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from streamlit.testing.v1 import AppTest
from tests.dashboard.book import call
from tests.dashboard.reading_room import ReadingRoom

from tollkeeper_dashboard.queries.overview import Part, Sums
from tollkeeper_dashboard.views import overview

Pages = Callable[..., AppTest]


def tiles(page: AppTest) -> dict[str, tuple[str, str]]:
    assert not page.exception
    return {each.label: (each.value, each.delta) for each in page.metric}


def test_an_empty_book_shows_the_first_steps(pages: Pages) -> None:
    page = pages()
    assert page.subheader[0].value == "Nothing has been asked yet"
    assert "curl http://127.0.0.1:4000/v1/chat/completions" in page.code[1].value


def test_the_tiles_say_what_happened(room: ReadingRoom, pages: Pages, now: datetime) -> None:
    at = now - timedelta(minutes=5)
    room.write(
        call(1, at, cost=Decimal("1.25"), tokens=(1_000, 500), milliseconds=200),
        call(2, at, cost=None, model="x", milliseconds=200),
        call(3, at, error_type="timeout", cost=None, milliseconds=200),
        call(4, at, outcome="refused", policy_blocked="pii", cost=None, tokens=None),
        call(5, at, cache="hit", outcome="cached", milliseconds=200, policy_redacted="1"),
    )
    shown = tiles(pages(range="1 h"))
    assert shown["Requests"][0] == "5"
    assert shown["Cost"] == ("$1.25", "and 1 of unknown price")
    assert shown["Tokens"][0] == "1.86k"
    assert shown["Errors"] == ("1", "20.0 % of requests")
    assert shown["Blocked"][0] == shown["Cache hits"][0] == shown["Redacted"][0] == "1"
    assert shown["Latency p50"][0] == shown["Latency p99"][0] == "200 ms"


def test_a_range_without_calls_says_so(room: ReadingRoom, pages: Pages, now: datetime) -> None:
    room.write(call(1, now - timedelta(hours=5)))
    page = pages(range="1 h")
    assert page.info[0].value.startswith("Nothing happened in this range.")
    assert tiles(pages(range="24 h"))["Requests"][0] == "1"


def test_the_filters_of_the_address_are_honoured(
    room: ReadingRoom, pages: Pages, now: datetime
) -> None:
    at = now - timedelta(minutes=5)
    room.write(call(1, at, model="a"), call(2, at, model="b"), call(3, at, model="b"))
    assert tiles(pages(model="b"))["Requests"][0] == "2"
    assert tiles(pages(model="unheard of"))["Requests"][0] == "3"


def test_choosing_another_range_asks_again(room: ReadingRoom, pages: Pages, now: datetime) -> None:
    room.write(call(1, now - timedelta(minutes=5)), call(2, now - timedelta(hours=30)))
    page = pages()
    assert tiles(page)["Requests"][0] == "1"
    page.button_group(key="range").set_value("7 d").run()
    assert tiles(page)["Requests"][0] == "2"


def test_the_table_is_by_what_is_chosen(room: ReadingRoom, pages: Pages, now: datetime) -> None:
    room.write(call(1, now - timedelta(minutes=5), user_id="ana", key_name="k"))
    for by, name in (("Model", "gpt-4o-mini"), ("Key", "k"), ("User", "ana")):
        frame = pages(by=by).dataframe[0].value
        assert list(frame["name"]) == [name]


def test_an_unknown_price_is_not_a_zero_in_the_table() -> None:
    parts = [
        Part("priced", Sums(requests=1, cost_usd=Decimal("0.5"))),
        Part("free", Sums(requests=1)),
        Part("", Sums(requests=4, unpriced=1, failed=1)),
    ]
    table = overview.table(parts, "user")
    assert table["cost"] == [0.5, 0.0, None]
    assert table["name"][2] == "(no user named)"
    assert table["errors"] == [0.0, 0.0, 25.0]


def test_names_from_outside_are_never_markdown(
    room: ReadingRoom, pages: Pages, now: datetime
) -> None:
    hostile = "![x](http://evil.example/p.png)"
    room.write(call(1, now - timedelta(minutes=5), model=hostile, user_id=hostile))
    page = pages()
    assert not page.exception
    read_as_markdown = [*page.markdown, *page.caption, *page.info, *page.title]
    assert hostile not in "".join(each.value for each in read_as_markdown)
    assert hostile not in "".join(f"{m.label}{m.delta}" for m in page.metric)
