"""Every provider's token counts come out in the one meaning we keep, and unknown stays unknown."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.wire import recorded
from tests.proxy.wire.recorded import needs_recordings

from tollkeeper.pricing import Usage
from tollkeeper_proxy.wire.openai_usage import usage_of


@pytest.mark.parametrize(
    "raw", [None, {}, [], "12", 3, {"total_tokens": 5}, {"prompt_tokens": "5"}]
)
def test_says_nothing_when_nobody_said_anything(raw: object) -> None:
    assert usage_of(raw) is None


def test_zero_is_said_and_not_missing() -> None:
    assert usage_of({"prompt_tokens": 0, "completion_tokens": 0}) == Usage()


@pytest.mark.parametrize("nonsense", [-1, 1.5, True, "7", None, [], float("nan"), float("inf")])
def test_a_count_that_is_no_count_is_not_read(nonsense: object) -> None:
    assert usage_of({"prompt_tokens": nonsense, "completion_tokens": nonsense}) is None
    read = usage_of({"prompt_tokens": 7, "prompt_tokens_details": {"cached_tokens": nonsense}})
    assert read == Usage(input_tokens=7)


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 3},
                "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 4},
            },
            Usage(100, 50, 64, 0, 20, 3, 4),
            id="openai counts reasoning inside the completion",
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 170,
                "completion_tokens_details": {"reasoning_tokens": 20},
            },
            Usage(100, 70, reasoning_tokens=20),
            id="xai counts reasoning beside the completion",
        ),
        pytest.param(
            {"prompt_tokens": 66, "completion_tokens": 6, "total_tokens": 100},
            Usage(66, 34, reasoning_tokens=28),
            id="gemini tells its thoughts only in the total",
        ),
        pytest.param(
            {
                "prompt_tokens": 12,
                "completion_tokens": 89,
                "total_tokens": 101,
                "prompt_cache_hit_tokens": 10,
                "prompt_cache_miss_tokens": 2,
            },
            Usage(12, 89, cache_read_tokens=10),
            id="deepseek has its own name for cached",
        ),
        pytest.param(
            {"prompt_tokens": 41, "completion_tokens": 15, "total_tokens": 56, "cached_tokens": 8},
            Usage(41, 15, cache_read_tokens=8),
            id="together says cached at the top",
        ),
        pytest.param(
            {"prompt_tokens": 70, "completion_tokens": 12, "num_cached_tokens": 69},
            Usage(70, 12, cache_read_tokens=69),
            id="mistral says cached at the top by another name",
        ),
        pytest.param(
            {"input_tokens": 5, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 2}},
            Usage(5, 7, cache_read_tokens=2),
            id="the names of the responses route",
        ),
        pytest.param(
            {"prompt_tokens": 5.0, "completion_tokens": 7.0},
            Usage(5, 7),
            id="whole numbers written with a point",
        ),
        pytest.param(
            {"prompt_tokens": 5, "prompt_tokens_details": None, "completion_tokens_details": None},
            Usage(5, 0),
            id="details that are null",
        ),
        pytest.param(
            {
                "prompt_tokens": 43,
                "completion_tokens": 10,
                "total_tokens": 53,
                "completion_tokens_details": {"reasoning_tokens": 11},
            },
            Usage(43, 10, reasoning_tokens=10),
            id="more reasoning than output cannot be",
        ),
        pytest.param(
            {"completion_tokens": 7, "total_tokens": 19},
            Usage(12, 7),
            id="the input is the rest of the total",
        ),
    ],
)
def test_reads_each_provider_in_its_own_shape(raw: dict[str, Any], usage: Usage) -> None:
    assert usage_of(raw) == usage


def test_an_input_nobody_told_is_not_zero() -> None:
    assert usage_of({"completion_tokens": 7}) is None


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists)
       | st.dictionaries(
           st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens",
                            "prompt_tokens_details", "completion_tokens_details",
                            "reasoning_tokens"]),
           st.none() | st.integers() | st.floats() | st.text() | st.dictionaries(
               st.sampled_from(["cached_tokens", "reasoning_tokens", "audio_tokens"]),
               st.integers() | st.none())))  # fmt: skip
def test_never_fails_and_never_counts_below_zero(raw: object) -> None:
    usage = usage_of(raw)
    if usage is not None:
        assert usage.input_tokens >= 0
        assert usage.output_tokens >= 0


@needs_recordings
def test_every_recorded_usage_adds_up_to_the_providers_own_total() -> None:
    checked = 0
    for each in [*recorded.whole_answers(), *recorded.streams()]:
        for raw in recorded.usages(each):
            usage = usage_of(raw)
            assert usage is not None, each.name
            assert usage.input_tokens + usage.output_tokens == raw["total_tokens"], each.name
            assert usage.cache_read_tokens <= usage.input_tokens, each.name
            assert usage.reasoning_tokens <= usage.output_tokens, each.name
            checked += 1
    assert checked > 500
