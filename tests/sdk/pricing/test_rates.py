from decimal import Decimal

import pytest

from tollkeeper.pricing import Usage
from tollkeeper.pricing.rates import Rates, compile_rates


def rates(**usd: str) -> Rates:
    return compile_rates({key: Decimal(rate) for key, rate in usd.items()})


def test_dollars_per_million_become_pico_dollars_per_token() -> None:
    compiled = rates(input_mtok="0.15", output_mtok="0.6")
    assert (compiled.per_nanousd, compiled.input, compiled.output) == (1000, 150_000, 600_000)


def test_a_finer_rate_is_still_exact() -> None:
    compiled = rates(input_mtok="0.08333333", output_mtok="1e-12")
    assert compiled.cost(Usage(input_tokens=10**12)) == 83_333_330 * 10**6
    assert compiled.cost(Usage(output_tokens=10**12)) == 1_000_000_000 // 10**6


@pytest.mark.parametrize(("tokens", "cost"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 1), (8, 2)])
def test_half_a_nano_dollar_rounds_up(tokens: int, cost: int) -> None:
    # 0.2 nano-USD per token
    assert rates(input_mtok="0.0002").cost(Usage(input_tokens=tokens)) == cost


def test_a_fee_per_request_is_in_cost_and_ceiling() -> None:
    compiled = rates(input_mtok="1", output_mtok="1", requests_kcount="5")
    assert compiled.cost(Usage(input_tokens=1)) == 5_000_000 + 1000
    assert compiled.ceiling(1, 0) == 5_000_000 + 1000


def test_cached_tokens_are_part_of_the_input() -> None:
    compiled = rates(input_mtok="1", output_mtok="2", cache_read_mtok="0.1", cache_write_mtok="1.5")
    usage = Usage(input_tokens=10, cache_read_tokens=4, cache_write_tokens=1)
    assert compiled.cost(usage) == 5 * 1000 + 4 * 100 + 1 * 1500


def test_the_ceiling_takes_every_token_for_the_dearest_kind() -> None:
    compiled = rates(
        input_mtok="1", output_mtok="2", cache_write_mtok="1.5", output_audio_mtok="20"
    )
    assert compiled.ceiling(10, 10) == 10 * 1500 + 10 * 20_000


def test_cached_audio_with_a_price_of_its_own_is_unknown_when_nobody_counted_it() -> None:
    compiled = rates(
        input_mtok="1", cache_read_mtok="0.1", input_audio_mtok="3", cache_audio_read_mtok="0.3"
    )
    assert compiled.cost(Usage(input_tokens=10, cache_read_tokens=1)) is not None
    both = Usage(input_tokens=10, cache_read_tokens=1, input_audio_tokens=1)
    assert compiled.cost(both) is None


def test_more_cached_than_input_tokens_have_no_cost_also_where_caching_has_no_rate() -> None:
    plain = Rates(per_nanousd=1, input=10, output=10)
    assert plain.cost(Usage(10, 1, cache_read_tokens=6, cache_write_tokens=5)) is None
    assert plain.cost(Usage(10, 1, cache_read_tokens=5, cache_write_tokens=5)) == 110
