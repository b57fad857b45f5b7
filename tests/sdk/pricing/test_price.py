import threading
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

import genai_prices
import pytest
from genai_prices.data import providers as table
from genai_prices.types import ModelInfo
from hypothesis import given, settings
from hypothesis import strategies as st

from tollkeeper.pricing import Price, Usage, price_of

MODELS = [(provider, model) for provider in table for model in provider.models]
ODD = [
    index
    for index, (_, model) in enumerate(MODELS)
    if model.price_variants or isinstance(model.prices, list)
]
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

counts = st.integers(min_value=0, max_value=300_000)


def published_cost(
    provider: str, model: ModelInfo, usage: Usage, tier: str, at: datetime
) -> int | None:
    """What genai-prices itself says, in nano-USD rounded half up."""
    entry = next(each for each in table if each.id == provider)
    parts = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "output_reasoning_tokens": usage.reasoning_tokens,
        "input_audio_tokens": usage.input_audio_tokens,
        "output_audio_tokens": usage.output_audio_tokens,
    }
    always = ("input_tokens", "output_tokens")
    reported = genai_prices.Usage(
        **{key: count for key, count in parts.items() if count or key in always}
    )
    try:
        total = model.calc_price(
            reported,
            entry,
            genai_request_timestamp=at,
            price_context={"service_tier": tier} if tier else None,
        ).total_price
    except ValueError:  # counts that contradict each other
        return None
    return int((total * 1_000_000_000).quantize(Decimal(1), rounding=ROUND_HALF_UP))


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    return Usage(
        input_tokens=draw(counts),
        output_tokens=draw(counts),
        cache_read_tokens=draw(st.sampled_from([0, 0, 7, 5_000, 250_000])),
        cache_write_tokens=draw(st.sampled_from([0, 0, 3, 4_000])),
        reasoning_tokens=draw(st.sampled_from([0, 0, 11, 900])),
        input_audio_tokens=draw(st.sampled_from([0, 0, 13])),
        output_audio_tokens=draw(st.sampled_from([0, 0, 17])),
    )


@settings(max_examples=800, deadline=None)
@given(
    st.sampled_from(range(len(MODELS))) | st.sampled_from(ODD),
    usages(),
    st.sampled_from(["", "", "flex", "priority", "fast", "default", "made-up"]),
    st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
)
def test_compiled_cost_is_the_published_cost_rounded_half_up(
    index: int, usage: Usage, tier: str, at: datetime
) -> None:
    provider, model = MODELS[index]
    at = at.replace(microsecond=0)
    price = price_of(provider.id, model.id, service_tier=tier, at_unix_s=at.timestamp())
    if price is None or provider.find_model(model.id) is not model:
        return  # priced by something else than tokens, or another entry claims the name first
    cost = price.cost_nanousd(usage)
    if usage.cache_read_tokens + usage.cache_write_tokens > usage.input_tokens:
        assert cost is None
        return  # the table takes the cached ones for plain where it has no rate for them
    if cost is None and price.steps[0][1].output is None and usage.output_tokens:
        return  # the table has no rate for these tokens: stricter than the table's own zero
    assert cost == published_cost(provider.id, model, usage, tier, at)


def test_a_dearer_tier_costs_more_and_an_unknown_one_the_standard_price() -> None:
    usage = Usage(input_tokens=1000, output_tokens=1000)

    def cost(tier: str) -> int:
        price = price_of("openai", "gpt-5.2", service_tier=tier, at_unix_s=AT.timestamp())
        assert price is not None
        return price.cost_nanousd(usage) or 0

    assert cost("flex") < cost("") < cost("priority")
    assert cost("default") == cost("scale") == cost("")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(range(len(MODELS))), usages(), counts, counts)
def test_no_usage_costs_more_than_the_ceiling(
    index: int, usage: Usage, more_input: int, more_output: int
) -> None:
    provider, model = MODELS[index]
    price = price_of(provider.id, model.id, at_unix_s=AT.timestamp())
    cost = price.cost_nanousd(usage) if price else None
    if price is None or cost is None:
        return
    ceiling = price.ceiling_nanousd(
        usage.input_tokens + more_input, usage.output_tokens + more_output
    )
    assert ceiling is None or cost <= ceiling


def test_most_of_the_table_has_a_price() -> None:
    priced = sum(price_of(provider.id, model.id) is not None for provider, model in MODELS)
    assert priced > 0.9 * len(MODELS)


def test_a_plain_model_costs_what_its_page_says() -> None:
    price = price_of("openai", "gpt-4o-mini")  # 0.15 and 0.60 USD per million, cached 0.075
    assert price is not None
    assert price.cost_nanousd(Usage(input_tokens=1000, output_tokens=200)) == 270_000
    cached = Usage(input_tokens=1000, output_tokens=200, cache_read_tokens=500)
    assert price.cost_nanousd(cached) == 232_500


def test_a_tiered_model_charges_the_higher_rate_for_all_tokens_past_the_step() -> None:
    price = price_of("google-gemini", "gemini-2.5-pro")
    assert price is not None
    at_step = price.cost_nanousd(Usage(input_tokens=200_000))
    past_step = price.cost_nanousd(Usage(input_tokens=200_001))
    assert at_step == 200_000 * 1250
    assert past_step == 200_001 * 2500


def test_the_hour_decides_where_a_provider_has_cheap_nights() -> None:
    def at(hour: int) -> Price | None:
        when = datetime(2025, 6, 1, hour, 45, tzinfo=UTC).timestamp()
        return price_of("deepseek", "deepseek-chat", at_unix_s=when)

    day, night = at(12), at(20)
    assert day is not None
    assert night is not None
    usage = Usage(input_tokens=1000, output_tokens=1000)
    assert (night.cost_nanousd(usage) or 0) < (day.cost_nanousd(usage) or 0)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("lab", "gpt-4o"),
        ("openai-mirror", "gpt-4o"),
        ("openai", "no-such-model"),
        ("openai", "gpt-4o" + "-x" * 200),
        ("huggingface", "meta-llama/Llama-3.3-70B-Instruct"),
        ("groq", "whisper-large-v3"),  # priced by the hour of audio
        ("", ""),
    ],
)
def test_what_nobody_published_is_unknown_and_not_free(provider: str, model: str) -> None:
    assert price_of(provider, model) is None


def test_a_model_the_table_marks_as_free_costs_zero() -> None:
    price = price_of("openrouter", "deepseek/deepseek-r1:free")
    assert price is not None
    assert price.cost_nanousd(Usage(input_tokens=1000, output_tokens=1000)) == 0


@pytest.mark.parametrize(
    "usage",
    [
        Usage(input_tokens=10, cache_read_tokens=11),
        Usage(input_tokens=-1),
        Usage(output_tokens=-1),
        Usage(input_tokens=10, cache_read_tokens=-1),
    ],
)
def test_contradicting_counts_have_no_known_cost(usage: Usage) -> None:
    price = price_of("openai", "gpt-4o-mini")
    assert price is not None
    assert price.cost_nanousd(usage) is None


def test_answer_tokens_without_a_published_rate_have_no_known_cost() -> None:
    price = price_of("openai", "text-embedding-3-small")
    assert price is not None
    assert price.cost_nanousd(Usage(input_tokens=1000)) == 20_000
    if price.steps[0][1].output is None:
        assert price.cost_nanousd(Usage(input_tokens=1000, output_tokens=1)) is None
        assert price.ceiling_nanousd(1000, 1) is None


def test_a_price_without_steps_knows_nothing() -> None:
    price = Price("lab", "llama")
    assert price.cost_nanousd(Usage(input_tokens=1)) is None
    assert price.ceiling_nanousd(1, 1) is None


def test_every_demo_model_has_the_published_demo_price() -> None:
    price = price_of("demo", "echo")
    assert price is not None
    assert price.cost_nanousd(Usage(input_tokens=3, output_tokens=2)) == 7_000
    assert price.ceiling_nanousd(3, 2) == 7_000


def test_prices_start_no_thread_and_need_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise AssertionError("the price table must not open a socket")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    threads = threading.active_count()
    assert price_of("mistral", "mistral-large-2411") is not None
    assert threading.active_count() == threads
