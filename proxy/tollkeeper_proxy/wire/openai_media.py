"""What a message brings besides text, and how many input tokens that can become at most.

Messages as JSON in, a bound out; bytes bound text alone, for a short address may name a picture.
"""

from collections.abc import Iterator
from typing import Final

# OpenAI counts the most for gpt-4o-mini at high detail: 2,833 + 5,667 for each of at most 8 tiles,
# so 48,169; Gemini's and Anthropic's largest pictures stay under 10,000.
IMAGE_TOKENS: Final = 50_000

_IMAGES: Final = frozenset({"image_url", "input_image", "image"})
# A file may hold any number of pages, packed as small as its author likes, and an id or an address
# tells nothing at all.
_BOUNDLESS: Final = frozenset(
    {"file", "input_file", "document_url", "video_url", "input_video", "video"}
)


def media_token_bound(messages: object) -> int | None:
    """Return the most tokens the pictures become; None where a part's size cannot be known."""
    bound = 0
    for part in _objects(messages):
        kind = part.get("type")
        if kind in _BOUNDLESS or not _BOUNDLESS.isdisjoint(part) or _refers(part):
            return None
        if kind in _IMAGES or not _IMAGES.isdisjoint(part):
            bound += IMAGE_TOKENS
    return bound


def _refers(part: dict[str, object]) -> bool:
    """Tell whether a message names an earlier answer's sound instead of bringing it."""
    audio = part.get("audio")
    return "file_id" in part or (isinstance(audio, dict) and "id" in audio)


def _objects(value: object) -> Iterator[dict[str, object]]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield each
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
