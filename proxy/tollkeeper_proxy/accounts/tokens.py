"""Token counts for when a provider sent none: exact for OpenAI's vocabulary, near for others."""

from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import bpe_openai

EXACT_CHARACTERS: Final = 64 * 1024  # longer text is counted in part and scaled: the loop waits


def warm() -> None:
    """Load the vocabulary before the first caller leaves in the middle of an answer."""
    _vocabulary()


def count_tokens(text: str) -> int:
    """Return the number of tokens of a text, never below one for a non-empty one."""
    if not text:
        return 0
    sample = text[:EXACT_CHARACTERS]
    count = len(_vocabulary().encode_ordinary(sample))
    return max(1, count * len(text) // len(sample))


@cache
def _vocabulary() -> "bpe_openai.Encoding":
    import bpe_openai  # noqa: PLC0415 - half a second to import: not before the first caller

    return bpe_openai.get_encoding("o200k_base")
