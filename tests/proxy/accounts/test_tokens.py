"""Tokens are counted exactly where that is cheap, and nearly where it is not."""

import pytest
from tests.equipment.places import ABSENT, shared

from tollkeeper_proxy.accounts.tokens import EXACT_CHARACTERS, count_tokens, warm


def test_counts_as_the_vocabulary_does() -> None:
    warm()
    assert count_tokens("") == 0
    assert count_tokens("hello world") == 2
    assert count_tokens("a") == 1


@pytest.mark.parametrize("text", ["\ud800", "\x00", "🌍" * 3, "<|endoftext|>", "\u202e", " " * 100])
def test_counts_any_text(text: str) -> None:
    assert count_tokens(text) >= 1


@pytest.mark.parametrize("piece", ["a", "word ", " ", "é🌍", "aB3$"])
def test_a_long_text_is_counted_in_part_and_scaled(piece: str) -> None:
    text = piece * (EXACT_CHARACTERS // len(piece))
    assert count_tokens(text * 20) == pytest.approx(20 * count_tokens(text), rel=0.02)


@pytest.mark.shared
def test_bytes_bound_the_tokens_of_every_kind_of_text() -> None:
    prompts = shared() / "data" / "load" / "mt_bench_question.jsonl"
    if not prompts.is_file():
        pytest.skip(ABSENT)
    for line in prompts.read_text().splitlines():
        assert count_tokens(line) <= len(line.encode())
