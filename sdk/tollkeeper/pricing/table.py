"""The published prices, as plain numbers: provider and model in, quotes out.

The only module that knows genai-prices and how it names providers. It reads the snapshot in that
wheel and nothing else: no fetch, no thread. It must not know what a call used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

MODEL_NAME_CHARACTERS: Final = 256  # longer names are nobody's and would only feed the patterns

# Our provider names, where the table says it differently. A name that is neither here nor an id
# of the table is a private provider, and nobody published what it costs.
TABLE_IDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "azure-openai": "azure",
        "bedrock": "aws",
        "fireworks-ai": "fireworks",
        "gemini": "google",
        "google-gemini": "google",
        "google-vertex": "google",
        "mistralai": "mistral",
        "moonshot": "moonshotai",
        "together-ai": "together",
        "togetherai": "together",
        "vertex": "google",
        "voyage": "voyageai",
        "xai": "x-ai",
        "z-ai": "zai",
    }
)
# Hugging Face routes to a partner named after a colon; without one nobody knows who will serve.
ROUTER: Final = "huggingface"
TIERS: Final = frozenset({"flex", "priority", "fast"})  # others are billed as standard
FREE_SUFFIX: Final = ":free"  # OpenRouter's mark; such entries stand in the table without a price


class Period(Protocol):
    """When a quote holds."""

    def active(self, request_timestamp: datetime) -> bool: ...


@dataclass(frozen=True, slots=True)
class Quote:
    """What one model costs in one period.

    ``steps`` are ascending: from more than so many input tokens on, these rates hold for the whole
    call. Rates are USD, per million tokens or (``requests_kcount``) per thousand requests.
    """

    period: Period | None
    steps: tuple[tuple[int, Mapping[str, Decimal]], ...]


def quotes(provider: str, model: str, tier: str = "") -> tuple[Quote, ...]:
    """Return a model's quotes, the one to prefer first; empty when the table does not know it."""
    found = _find(provider, model[: MODEL_NAME_CHARACTERS + 1])
    if found is None:
        return ()
    prices = _prices_of_tier(found, tier) if tier else _prices(found)
    free = model.endswith(FREE_SUFFIX)
    return tuple(Quote(period, _steps(price, free=free)) for period, price in prices)


def _prices(found: "ModelInfo") -> "list[tuple[Period | None, ModelPrice]]":
    if not isinstance(found.prices, list):
        return [(None, found.prices)]
    periods: list[tuple[Period | None, ModelPrice]] = [
        (each.constraint, each.prices) for each in reversed(found.prices)
    ]
    # Later entries win; when none is active the table falls back to its first.
    return [*periods, (None, found.prices[0].prices)] if periods else []


def _prices_of_tier(found: "ModelInfo", tier: str) -> "list[tuple[Period | None, ModelPrice]]":
    """Return a tier's prices by the days on which any price of the model changes."""
    standard = found.prices if isinstance(found.prices, list) else []
    constraints = [each.constraint for each in (*standard, *(found.price_variants or ()))]
    starts = {each.start_date: each for each in constraints if each and hasattr(each, "start_date")}
    if any(each and not hasattr(each, "start_date") for each in constraints):
        return _prices(found)  # by the hour of the day; no such model has tiers
    context = {"service_tier": tier}
    periods: list[tuple[Period | None, ModelPrice]] = [
        (starts[day], found.get_prices(datetime(day.year, day.month, day.day, tzinfo=UTC), context))
        for day in sorted(starts, reverse=True)
    ]
    return [*periods, (None, found.get_prices(datetime(1970, 1, 1, tzinfo=UTC), context))]


def _find(provider: str, model: str) -> "ModelInfo | None":
    if len(model) > MODEL_NAME_CHARACTERS:
        return None
    if provider == ROUTER:
        model, _, partner = model.rpartition(":")
        provider = f"{ROUTER}_{partner}"
    entry = _providers().get(TABLE_IDS.get(provider, provider))
    if entry is None:
        return None
    return entry.find_model(model, all_providers=list(_providers().values()))


@cache
def _providers() -> Mapping[str, "Provider"]:
    # Optional dependency: what applications install (the plain SDK) prices nothing.
    from genai_prices.data import providers  # noqa: PLC0415

    return MappingProxyType({entry.id: entry for entry in providers})


def _steps(price: "ModelPrice", *, free: bool) -> tuple[tuple[int, Mapping[str, Decimal]], ...]:
    rates = {key: rate for key, rate in vars(price).items() if rate is not None}
    if not rates and free:
        rates = {"input_mtok": Decimal(0), "output_mtok": Decimal(0)}
    starts = {tier.start for rate in rates.values() for tier in getattr(rate, "tiers", ())}
    return tuple(
        (start, {key: _rate_above(rate, start) for key, rate in rates.items()})
        for start in [-1, *sorted(starts)]
    )


def _rate_above(rate: object, start: int) -> Decimal:
    """Return the rate of a call with just more than ``start`` input tokens."""
    if isinstance(rate, Decimal):
        return rate
    reached = [tier.price for tier in getattr(rate, "tiers", ()) if tier.start <= start]
    chosen = reached[-1] if reached else getattr(rate, "base", None)
    if not isinstance(chosen, Decimal):
        raise TypeError(f"the price table holds a rate that is no number: {rate!r}")
    return chosen
