"""How many tokens pictures and files can become."""

from typing import Any

import pytest

from tollkeeper_proxy.wire.openai_media import IMAGE_TOKENS, media_token_bound

PICTURE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "high"}}
DEAREST_KNOWN = 2_833 + 8 * 5_667


def message(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def test_text_needs_no_allowance() -> None:
    assert media_token_bound(message({"type": "text", "text": "hi"})) == 0
    assert media_token_bound([{"role": "user", "content": '{"type": "file"}'}]) == 0


@pytest.mark.parametrize(
    "part",
    [
        PICTURE,
        {"type": "image_url", "image_url": "https://example.org/a.png"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_image", "image_url": "https://example.org/a.png"},
        {"image_url": {"url": "https://example.org/a.png"}},
    ],
)
def test_a_picture_is_allowed_for_whatever_it_is_named_by(part: dict[str, Any]) -> None:
    assert media_token_bound(message(part)) == IMAGE_TOKENS


def test_the_allowance_covers_the_dearest_picture_known() -> None:
    assert IMAGE_TOKENS >= DEAREST_KNOWN


def test_every_picture_of_every_message_counts() -> None:
    nested = {"type": "tool_result", "content": [PICTURE]}
    messages = [*message(PICTURE, PICTURE), {"role": "tool", "content": [nested]}]
    assert media_token_bound(messages) == 3 * IMAGE_TOKENS


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
        {"type": "input_file", "file_id": "file-1"},
        {"type": "input_image", "file_id": "file-1"},
        {"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}},
        {"type": "document_url", "document_url": "https://example.org/a.pdf"},
    ],
)
def test_a_file_has_no_bound(part: dict[str, Any]) -> None:
    assert media_token_bound(message(part)) is None


def test_an_earlier_answers_sound_named_by_id_has_no_bound() -> None:
    assert media_token_bound([{"role": "assistant", "audio": {"id": "audio_1"}}]) is None


def test_sound_that_is_brought_along_is_bounded_by_its_bytes() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    assert media_token_bound(message(sound)) == 0
