import json
from collections.abc import Iterator

import pytest
from tests.equipment.places import shared

from tollkeeper.pricing import Usage, price_of, table

PRICES = shared() / "data" / "prices"
# The vendors' own names in LiteLLM's table, where prices move rarely enough to compare snapshots.
LITELLM_NAMES = {"openai", "anthropic", "groq", "mistral", "xai", "cerebras", "cohere_chat"}

pytestmark = pytest.mark.shared


def recorded(name: str) -> object:
    if not (PRICES / name).is_file():
        pytest.skip(f"{name} is not in the shared price tables")
    return json.loads((PRICES / name).read_text())


def thousand_each(provider: str, model: str) -> int | None:
    price = price_of(provider, model)
    return price.cost_nanousd(Usage(input_tokens=1000, output_tokens=1000)) if price else None


def litellm_prices() -> Iterator[tuple[str, str, int]]:
    entries = recorded("litellm_model_prices.json")
    assert isinstance(entries, dict)
    for key, entry in entries.items():
        provider = entry.get("litellm_provider", "")
        if provider in LITELLM_NAMES and entry.get("mode") == "chat":
            if not entry.get("input_cost_per_token"):
                continue
            usd = entry["input_cost_per_token"] + entry["output_cost_per_token"]
            name = key.removeprefix(f"{provider}/")
            yield provider.removesuffix("_chat"), name, round(usd * 1000 * 1_000_000_000)


def genai_prices() -> Iterator[tuple[str, str, int]]:
    entries = recorded("genai_prices_data.json")
    assert isinstance(entries, list)
    for provider in entries:
        for model in provider["models"]:
            rates = model["prices"]
            if isinstance(rates, list) or "requests_kcount" in rates:
                continue
            plain = [rates.get("input_mtok"), rates.get("output_mtok")]
            if all(isinstance(rate, int | float) for rate in plain):
                yield provider["id"], model["id"], round(sum(plain) * 1_000_000)


# Snapshots are of different days: nine in ten must agree to the nano-dollar, a wrong unit, a
# swapped rate or a wrong name would leave far fewer.
@pytest.mark.parametrize(("source", "least"), [(litellm_prices, 100), (genai_prices, 600)])
def test_agrees_with_tables_that_others_keep(source: object, least: int) -> None:
    assert callable(source)
    both = [
        (thousand_each(provider, model), theirs)
        for provider, model, theirs in source()
        if thousand_each(provider, model) is not None
    ]
    agreeing = sum(ours == theirs for ours, theirs in both)
    assert len(both) >= least
    assert agreeing >= 0.88 * len(both)


def test_every_alias_leads_to_a_provider_of_the_table() -> None:
    for name in table.TABLE_IDS.values():
        assert name in table._providers()


def test_a_partner_named_after_the_colon_is_the_one_priced() -> None:
    known = table.quotes("huggingface", "meta-llama/Llama-3.3-70B-Instruct:together")
    assert known
    assert table.quotes("huggingface", "meta-llama/Llama-3.3-70B-Instruct:nobody") == ()
