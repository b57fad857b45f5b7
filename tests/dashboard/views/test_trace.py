"""One trace as Streamlit runs it, over a real endpoint."""

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest
from tests.dashboard.book import SaidIn, Written, call, text_message
from tests.dashboard.reading_room import ReadingRoom

from tollkeeper import semconv
from tollkeeper_dashboard.queries.trace import Span
from tollkeeper_dashboard.views import trace

Pages = Callable[..., AppTest]
TRACE = "ab" * 16
HOSTILE = "![x](http://evil.example/p.png) <script>alert(1)</script> [a](javascript:b) $x$ `c`"


def root(now: datetime, **changes: object) -> Written:
    span = Written(
        now, TRACE, f"{1:016x}", "POST /ask", scope="tollkeeper", duration=timedelta(seconds=2)
    )
    return dataclasses.replace(span, **changes)


def tiles(page: AppTest) -> dict[str, str]:
    assert not page.exception
    return {each.label: each.value for each in page.metric}


def test_a_trace_shows_its_spans_cost_and_messages(
    room: ReadingRoom, pages: Pages, now: datetime
) -> None:
    asked = dataclasses.replace(
        call(2, now + timedelta(milliseconds=10), trace_id=TRACE, cost=Decimal("0.25")),
        parent_id=f"{1:016x}",
    )
    room.write(
        root(now),
        asked,
        said=[SaidIn(asked, [("input", "user", text_message("user", "Where is it?"))])],
    )
    page = pages(trace=TRACE)
    shown = tiles(page)
    assert (shown["Spans"], shown["Model calls"], shown["Cost"]) == ("2", "1", "$0.25")
    assert shown["Duration"] == "2.00 s"
    assert [each.value for each in page.code] == [TRACE, "Where is it?"]
    facts = dict(zip(*(page.dataframe[0].value[c] for c in ("what", "value")), strict=True))
    assert facts["Cost"] == "$0.25"
    assert facts["Tokens"] == "100 in, 20 out"


def test_an_unknown_price_is_said_beside_the_known(
    room: ReadingRoom, pages: Pages, now: datetime
) -> None:
    room.write(call(1, now, trace_id=TRACE), call(2, now, trace_id=TRACE, cost=None))
    assert tiles(pages(trace=TRACE))["Cost"] == "$0.001 + 1 unknown"


def test_an_error_says_why(room: ReadingRoom, pages: Pages, now: datetime) -> None:
    room.write(root(now, status="Error", message="TimeoutError: no answer"))
    page = pages(trace=TRACE)
    assert tiles(page)["Errors"] == "1"
    assert page.error[0].value == "This span failed."
    assert "TimeoutError: no answer" in [each.value for each in page.code]


def test_what_people_wrote_is_shown_as_it_is_and_read_by_nothing(
    room: ReadingRoom, pages: Pages, now: datetime
) -> None:
    asked = call(1, now, trace_id=TRACE, model=HOSTILE, user_id=HOSTILE)
    asked = dataclasses.replace(
        asked,
        attributes={**asked.attributes, "tollkeeper.policy.pii": HOSTILE},
        name=HOSTILE,
        events=((HOSTILE, {HOSTILE: HOSTILE}),),
        message=HOSTILE,
    )
    room.write(asked, said=[SaidIn(asked, [("input", HOSTILE, text_message(HOSTILE, HOSTILE))])])
    page = pages(trace=TRACE)
    assert not page.exception
    assert HOSTILE in [each.value for each in page.code]
    read_as_markdown = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    for element in read_as_markdown:
        assert "![x](" not in element.value
        assert "<script>" not in element.value
        assert "[a](j" not in element.value


def test_messages_that_are_gone_are_said(room: ReadingRoom, pages: Pages, now: datetime) -> None:
    room.write(root(now))
    page = pages(trace=TRACE)
    assert "No messages are kept of this span." in [each.value for each in page.caption]


def test_arguments_and_results_of_observed_functions_are_shown(
    room: ReadingRoom, pages: Pages, now: datetime
) -> None:
    attributes = {semconv.OBSERVED_INPUT: '{"q": 1}', semconv.OBSERVED_OUTPUT: "42"}
    room.write(root(now, attributes=attributes))
    assert [each.value for each in pages(trace=TRACE).code][1:] == ['{"q": 1}', "42"]


def test_another_span_can_be_chosen(room: ReadingRoom, pages: Pages, now: datetime) -> None:
    room.write(root(now), call(2, now, trace_id=TRACE))
    page = pages(trace=TRACE)
    choice = page.selectbox[0]
    assert choice.options[choice.index].startswith("chat ")
    choice.select_index(0).run()
    facts = dict(zip(*(page.dataframe[0].value[c] for c in ("what", "value")), strict=True))
    assert facts["service"] == "shop"


def test_two_tenants_with_one_trace_id_are_not_mixed(
    room: ReadingRoom, pages: Pages, now: datetime
) -> None:
    other = dataclasses.replace(call(2, now, trace_id=TRACE), tenant="other")
    room.write(call(1, now, trace_id=TRACE), other)
    page = pages(trace=TRACE)
    assert page.selectbox(key="trace-tenant").options == ["default", "other"]
    assert tiles(page)["Spans"] == "1"


@pytest.mark.parametrize("wanted", ["nonsense", "g" * 32, "' OR 1=1", "AB" * 16])
def test_what_is_no_trace_id_is_said(pages: Pages, wanted: str) -> None:
    assert pages(trace=wanted).warning[0].value.startswith("That is not a trace id")


def test_an_unknown_trace_is_said(pages: Pages) -> None:
    assert pages(trace="00" * 16).info[0].value.startswith("No trace has this id.")


def test_decisions_and_attributes_are_told_apart() -> None:
    span = Span(
        "s", "", "n", "Client", "svc", "scope", "t", 0, 1, False, "",
        {"tollkeeper.policy.pii": "masked: 2", "b": "2", "a": "1", "input.value": "secret"},
    )  # fmt: skip
    assert trace.decided(span) == [("pii", "masked: 2")]
    assert trace.rest(span)[-2:] == [("a", "1"), ("b", "2")]
    assert "secret" not in str(trace.rest(span))
