"""The fixture that applications' tests use."""

import pytest

from tollkeeper import observe, session
from tollkeeper.installed import INSTALLED
from tollkeeper.testing import Spans, recorded


@observe
def work() -> None:
    return None


def test_spans_are_found_by_name(spans: Spans) -> None:
    with session("s"):
        work()
    found = spans.named("work")
    assert found.attributes is not None
    assert found.attributes["session.id"] == "s"
    assert spans.names == ["work"]


def test_a_name_that_is_missing_or_doubled_is_said(spans: Spans) -> None:
    with pytest.raises(AssertionError, match="0 spans are named 'work'"):
        spans.named("work")
    work()
    work()
    with pytest.raises(AssertionError, match="2 spans are named 'work'"):
        spans.named("work")


def test_recordings_do_not_see_each_other_and_leave_nothing_behind() -> None:
    with recorded() as first:
        work()
        with recorded(capture_content=True) as second:
            work()
        work()
    assert (len(first.ended), len(second.ended)) == (2, 1)
    assert INSTALLED.provider is None
    assert not INSTALLED.captures_content
    work()
    assert len(first.ended) == 2
