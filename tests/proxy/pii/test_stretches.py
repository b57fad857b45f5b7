import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_proxy.pii.stretches import first_cut, last_cut


def cuts(text: str) -> list[str]:
    """Split a text at every cut."""
    pieces, start = [], 0
    while start < len(text):
        end = first_cut(text, start + 1)
        pieces.append(text[start:end])
        start = end
    return pieces


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("call me now", ["call", " me", " now"]),
        ("call 555 1234 now ok", ["call", " 555 1234 now", " ok"]),
        ("555 1234 ext 12 ok then", ["555 1234 ext 12 ok", " then"]),
        ("555-1234 int. 5 ok then", ["555-1234 int. 5 ok", " then"]),
        ("call( 555 1234) or", ["call( 555 1234) or"]),
        ("line\n555", ["line\n", "555"]),
        ('{"a": "555 1"}', ['{"', 'a"', ': "', '555 1"', "}"]),
        ("电话。555，好", ["电话。", "555，", "好"]),  # noqa: RUF001 - meant
        ("- - word -", ["- - word", " -"]),
    ],
)
def test_cuts_only_where_nothing_can_reach_over(text: str, pieces: list[str]) -> None:
    assert cuts(text) == pieces


@given(st.text('ab1 -(x+.\n"@é。', max_size=200), st.data())
def test_going_back_finds_the_cut_going_forward_finds(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    lowest = data.draw(st.integers(0, at))
    ends, end = [], 0
    while end < len(text):
        end = first_cut(text, end + 1)
        ends.append(end)
    # The text's own end is where a search stops, not a cut.
    real = [end for end in ends if end < len(text) or (text and text[-1] in '\n"。')]
    assert last_cut(text, at, lowest=lowest) == max(
        [c for c in real if lowest < c <= at] + [lowest]
    )
