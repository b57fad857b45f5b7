import regex
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_proxy.pii.views import skeleton, views


def test_plain_ascii_is_looked_at_once() -> None:
    assert [view.text for view in views("hello 123")] == ["hello 123"]


def test_foreign_text_without_disguise_is_looked_at_once() -> None:
    assert [view.text for view in views("“Größe” привет 你好")] == ["“Größe” привет 你好"]


def test_full_width_and_styled_characters_are_undisguised() -> None:
    assert views("４１１１ 𝐣𝐨𝐡𝐧＠𝐱．𝐝𝐞")[1].text == "4111 john@x.de"  # noqa: RUF001 - meant


def test_invisible_characters_are_taken_out_and_positions_kept() -> None:
    bare = views("ä jo\u200bhn\u00ad@x")[1]
    assert bare.text == "ä john@x"
    assert [bare.origin(at) for at in range(8)] == [0, 1, 2, 3, 5, 6, 8, 9]
    assert bare.origin_end(6) == 7


@given(st.text(max_size=40))
def test_every_character_of_a_view_comes_from_where_it_says(text: str) -> None:
    for view in views(text):
        origins = [view.origin(at) for at in range(len(view.text))]
        assert origins == sorted(set(origins))
        assert all(0 <= origin < len(text) for origin in origins)


@given(st.text(max_size=40))
def test_a_skeleton_keeps_length_digits_and_word_characters(text: str) -> None:
    bones = skeleton(text)
    assert bones.isascii()
    assert len(bones) == len(text)
    for char, bone in zip(text, bones, strict=True):
        assert bool(regex.match(r"\w", char)) == bool(regex.match(r"\w", bone))
        assert bool(regex.match(r"\d", char)) == bool(regex.match(r"\d", bone))
