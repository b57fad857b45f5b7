"""The price of a model: found and compiled once, asked at every call."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from tollkeeper.pricing import table
from tollkeeper.pricing.rates import Rates, compile_rates
from tollkeeper.pricing.table import Period
from tollkeeper.pricing.usage import Usage

DEMO_PROVIDER: Final = "demo"
# A price to try budgets with: 1000 nano-USD per input token, 2000 per output token.
DEMO_STEPS: Final = ((-1, Rates(per_nanousd=1, input=1000, output=2000)),)


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one model at one provider.

    ``steps`` are ascending: with more than so many input tokens, these rates hold for all of the
    call. No steps: the price is unknown and so is every cost.
    """

    provider: str
    model: str
    steps: tuple[tuple[int, Rates], ...] = ()

    def cost_nanousd(self, usage: Usage) -> int | None:
        """Return what a call costs, None when that cannot be known from these counts.

        Counts that contradict each other (more cached than input tokens) have no known cost.
        """
        steps = self.steps
        if len(steps) == 1:
            return steps[0][1].cost(usage)
        for above, rates in reversed(steps):
            if usage.input_tokens > above:
                return rates.cost(usage)
        return None

    def ceiling_nanousd(self, input_tokens: int, output_tokens: int) -> int | None:
        """Return a bound that no usage of at most so many tokens exceeds; for reservations."""
        bounds = [
            rates.ceiling(input_tokens, output_tokens)
            for above, rates in self.steps
            if input_tokens > above
        ]
        known = [bound for bound in bounds if bound is not None]
        return max(known) if known and len(known) == len(bounds) else None


def price_of(
    provider: str, model: str, *, service_tier: str = "", at_unix_s: float | None = None
) -> Price | None:
    """Return the price of a model now (or at a given time), None when nobody published it.

    ``service_tier`` is what the provider calls it (``flex``, ``priority``); where no price of its
    own is published for a tier the standard one holds.
    """
    candidates = _prices(provider, model, service_tier if service_tier in table.TIERS else "")
    if not candidates:
        return None
    period, price = candidates[0]
    if period is None:
        return price
    at = datetime.fromtimestamp(time.time() if at_unix_s is None else at_unix_s, UTC)
    return next(
        (price for period, price in candidates if period is None or period.active(at)), None
    )


@lru_cache(maxsize=8192)  # bounds what callers who invent model names can make us hold
def _prices(provider: str, model: str, tier: str) -> tuple[tuple[Period | None, Price | None], ...]:
    if provider == DEMO_PROVIDER:
        return ((None, Price(provider, model, DEMO_STEPS)),)
    return tuple(
        (quote.period, _compile(provider, model, quote))
        for quote in table.quotes(provider, model, tier)
    )


def _compile(provider: str, model: str, quote: table.Quote) -> Price | None:
    if any("input_mtok" not in rates for _, rates in quote.steps):
        return None  # priced by the minute, the page or the character: tokens tell nothing
    steps = tuple((above, compile_rates(each)) for above, each in quote.steps)
    return Price(provider, model, steps)
