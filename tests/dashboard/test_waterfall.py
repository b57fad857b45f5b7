"""A trace laid flat: every span once, whatever its parents are."""

from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_dashboard.queries.trace import Span
from tollkeeper_dashboard.waterfall import lines, total_ns


def span(name: str, parent: str = "", start: int = 0, duration: int = 10) -> Span:
    return Span(name, parent, name, "", "", "", "t", start, duration, False, "", {})


def test_children_follow_their_parent_by_their_start() -> None:
    found = lines([span("c", "a", 30), span("b", "a", 20), span("d", "b", 25), span("a", "", 10)])
    assert [(line.span.name, line.depth, line.offset_ns) for line in found] == [
        ("a", 0, 0),
        ("b", 1, 10),
        ("d", 2, 15),
        ("c", 1, 20),
    ]


def test_a_span_whose_parent_is_missing_stands_alone() -> None:
    found = lines([span("late", "nobody", 5), span("root", "", 0)])
    assert [(line.span.name, line.depth) for line in found] == [("root", 0), ("late", 0)]


def test_a_circle_is_shown_and_ends() -> None:
    found = lines([span("a", "b"), span("b", "a"), span("self", "self")])
    assert sorted(line.span.name for line in found) == ["a", "b", "self"]


def test_nothing_has_no_lines() -> None:
    assert lines([]) == []
    assert total_ns([]) == 0


def test_the_length_runs_from_the_first_start_to_the_last_end() -> None:
    assert total_ns([span("a", "", 100, 10), span("b", "a", 90, 50), span("c", "a", 120, 5)]) == 50


def test_a_chain_of_thousands_is_no_trouble() -> None:
    chain = [span(str(n), str(n - 1), n) for n in range(5_000)]
    assert lines(chain)[-1].depth == 4_999


IDS = st.sampled_from("abcdefgh")


@given(
    spans=st.lists(
        st.builds(span, IDS, IDS, st.integers(0, 99), st.integers(0, 99)),
        unique_by=lambda each: each.span_id,
    )
)
def test_every_span_is_there_once_and_no_parent_comes_after_its_child(spans: list[Span]) -> None:
    found = lines(spans)
    assert sorted(line.span.span_id for line in found) == sorted(s.span_id for s in spans)
    assert all(line.offset_ns >= 0 for line in found)
    places = {line.span.span_id: line for line in found}
    for line in found:
        if line.depth > 0:
            assert places[line.span.parent_id].depth == line.depth - 1
