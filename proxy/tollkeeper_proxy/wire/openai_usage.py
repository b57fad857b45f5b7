"""Token counts as OpenAI-compatible providers report them, to the one meaning we keep.

Ours: input includes cached, output includes reasoning (OTel GenAI conventions v1.41.1). None means
that nobody said; zero means that somebody said zero.
"""

from collections.abc import Mapping
from typing import Final

from tollkeeper.pricing import Usage

_NOTHING: Final[Mapping[str, object]] = {}


def usage_of(raw: object) -> Usage | None:
    """Return the usage in a ``usage`` object, None when there is none to be read."""
    if not isinstance(raw, dict):
        return None
    completion = _count(raw, "completion_tokens", "output_tokens")
    prompt = _prompt(raw, completion)
    if prompt is None:
        return None
    prompt_details = _details(raw, "prompt_tokens_details", "input_tokens_details")
    completion_details = _details(raw, "completion_tokens_details", "output_tokens_details")
    reasoning = (
        _count(completion_details, "reasoning_tokens") or _count(raw, "reasoning_tokens") or 0
    )
    beside = _beside(raw, prompt + (completion or 0), reasoning)
    output = (completion or 0) + beside
    return Usage(
        input_tokens=prompt,
        output_tokens=output,
        cache_read_tokens=_cached(raw, prompt_details),
        cache_write_tokens=_count(prompt_details, "cache_write_tokens") or 0,
        reasoning_tokens=min(reasoning or beside, output),  # OpenRouter was seen to tell more
        input_audio_tokens=_count(prompt_details, "audio_tokens") or 0,
        output_audio_tokens=_count(completion_details, "audio_tokens") or 0,
    )


def _prompt(raw: Mapping[str, object], completion: int | None) -> int | None:
    """Return the input's tokens, or what the total leaves for them; None when nobody said."""
    prompt = _count(raw, "prompt_tokens", "input_tokens")
    total = _count(raw, "total_tokens")
    if prompt is None and completion is not None and total is not None:
        return max(0, total - completion)
    return prompt


def _beside(raw: Mapping[str, object], told: int, reasoning: int) -> int:
    """Return the reasoning that a provider counts beside the completion.

    Its own total gives it away: xAI's is the sum of all three counts, and Gemini tells its thoughts
    nowhere else.
    """
    total = _count(raw, "total_tokens")
    rest = total - told if total is not None else 0
    return rest if rest > 0 and reasoning in {0, rest} else 0


def _cached(raw: Mapping[str, object], details: Mapping[str, object]) -> int:
    cached = _count(details, "cached_tokens")
    if cached is None:  # DeepSeek's name, Together's and Mistral's
        cached = _count(raw, "prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens")
    return cached or 0


def _count(raw: Mapping[str, object], *names: str) -> int | None:
    for name in names:
        value = raw.get(name)
        if value is None:
            continue
        if type(value) is int and value >= 0:
            return value
        if isinstance(value, float) and value >= 0 and value.is_integer():
            return int(value)
    return None


def _details(raw: Mapping[str, object], *names: str) -> Mapping[str, object]:
    for name in names:
        value = raw.get(name)
        if isinstance(value, dict):
            return value
    return _NOTHING
