"""Masking a stream equals masking the whole, however it is split; nothing leaves early."""

from collections.abc import Iterable
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tollkeeper_proxy.pii import detector, masking
from tollkeeper_proxy.pii.detector import Detector
from tollkeeper_proxy.pii.masking import MaskingEditor
from tollkeeper_proxy.pii.stretches import LONGEST

DETECTOR = Detector(("EMAIL_ADDRESS", "CREDIT_CARD", "US_SSN", "PHONE_NUMBER"))
SAMPLES = [
    "My SSN is 536-22-8726, hers 219-09-9999.",
    "Card 4111 1111 1111 1111 ok? mail a.b@example.co.uk!",
    "call (212) 555-0198 ext. 12 or +49 30 901820 now",
    '{"to": "jo@example.com", "n": 4111111111111111}',
    "电话：＋１２１２５５５０１９８，邮件 jo\u200bhn@example.com。好",  # noqa: RUF001 - meant
]
PIECES = st.sampled_from(
    [
        *("jo@example.com", "4111 1111 1111 1111", "536-22-8726", "(212) 555-0198", "ext. 7"),
        *("hello", "the", "x", "int", "1", "42", "-", "(", "+", "@", ".", "a-a-a-a", "é", "\uff14"),
        *(" ", " ", " ", "\n", '"', "。", "\u200b", "5555555555554444", "2024-01-15 10:22"),
    ]
)


def streamed(pieces: Iterable[str]) -> str:
    editor = MaskingEditor(DETECTOR)
    return "".join([*(editor.feed(piece) for piece in pieces), editor.finish()])


def split(text: str, cuts: Iterable[int]) -> list[str]:
    return [text[a:b] for a, b in pairwise([0, *cuts, len(text)])]


@pytest.mark.parametrize("text", SAMPLES)
def test_every_split_in_up_to_three_pieces_comes_out_as_the_whole(text: str) -> None:
    whole, count = DETECTOR.mask(text)
    assert count > 0
    assert streamed(text) == whole
    for cuts in combinations(range(len(text) + 1), 2):
        assert streamed(split(text, cuts)) == whole


@given(st.lists(PIECES, max_size=40).map("".join), st.data())
@settings(max_examples=300, deadline=None)
def test_any_split_of_any_text_comes_out_as_the_whole(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    assert streamed(split(text, cuts)) == DETECTOR.mask(text)[0]


@given(
    st.lists(st.tuples(PIECES.filter(str.strip), st.integers(1, 120)), min_size=1, max_size=8),
    st.sampled_from(["", " ", "-"]),
    st.integers(1, 700),
)
@settings(max_examples=60, deadline=None)
def test_stretches_too_long_to_hold_come_out_as_the_whole(
    runs: list[tuple[str, int]], between: str, size: int
) -> None:
    text = between.join(piece + (between + piece) * times for piece, times in runs)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert streamed(pieces) == DETECTOR.mask(text)[0]


@given(
    st.lists(PIECES, min_size=5, max_size=60).map("".join),
    st.sampled_from([None, "", "a", "1", "-", "aé", "1 ", "x1"]),
    st.data(),
)
@settings(max_examples=400, deadline=None)
def test_short_limits_bring_out_every_forced_cut(
    text: str, instead_of_blank: str | None, data: st.DataObject
) -> None:
    if instead_of_blank is not None:
        text = text.replace(" ", instead_of_blank).replace("\n", instead_of_blank)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    with pytest.MonkeyPatch.context() as patch:
        for module in (detector, masking):
            patch.setattr(module, "LONGEST", 48)
        patch.setattr(detector, "MARGIN", 24)
        assert streamed(split(text, cuts)) == DETECTOR.mask(text)[0]
        assert streamed(text) == DETECTOR.mask(text)[0]


@pytest.mark.parametrize("text", SAMPLES)
def test_no_beginning_of_a_finding_leaves_before_its_end(text: str) -> None:
    whole = DETECTOR.mask(text)[0]
    editor, out = MaskingEditor(DETECTOR), ""
    for char in text:
        out += editor.feed(char)
        assert whole.startswith(out)


def test_plain_prose_is_held_back_by_one_word_only() -> None:
    editor = MaskingEditor(DETECTOR)
    out = "".join(editor.feed(char) for char in "The quick brown fox jumps over it")
    assert out == "The quick brown fox jumps over"
    assert editor.finish() == " it"


def test_what_is_held_is_bounded_whatever_comes() -> None:
    editor = MaskingEditor(DETECTOR)
    for _ in range(50):
        editor.feed("1234567-" * 20)
        assert len(editor._held) <= LONGEST


def test_counts_what_it_replaced() -> None:
    editor = MaskingEditor(DETECTOR)
    editor.feed("a@example.com and b@example.com ")
    editor.finish()
    assert editor.replaced == 2
