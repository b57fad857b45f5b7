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
    prompt = _count(raw, "prompt_tokens", "input_tokens")
    completion = _count(raw, "completion_tokens", "output_tokens")
    if prompt is None and completion is None:
        return None
    prompt_details = _details(raw, "prompt_tokens_details", "input_tokens_details")
    completion_details = _details(raw, "completion_tokens_details", "output_tokens_details")
    reasoning = (
        _count(completion_details, "reasoning_tokens") or _count(raw, "reasoning_tokens") or 0
    )
    cached = _count(prompt_details, "cached_tokens")
    if cached is None:
        cached = _count(raw, "prompt_cache_hit_tokens") or 0  # DeepSeek's name
    return Usage(
        input_tokens=prompt or 0,
        output_tokens=_with_reasoning(raw, prompt or 0, completion or 0, reasoning),
        cache_read_tokens=cached,
        cache_write_tokens=_count(prompt_details, "cache_write_tokens") or 0,
        reasoning_tokens=reasoning,
        input_audio_tokens=_count(prompt_details, "audio_tokens") or 0,
        output_audio_tokens=_count(completion_details, "audio_tokens") or 0,
    )


def _with_reasoning(raw: Mapping[str, object], prompt: int, completion: int, reasoning: int) -> int:
    """Add reasoning where a provider counts it beside the completion, as xAI does.

    Such a provider's own total gives it away: it is the sum of all three.
    """
    total = _count(raw, "total_tokens")
    if reasoning and total == prompt + completion + reasoning:
        return completion + reasoning
    return completion


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
