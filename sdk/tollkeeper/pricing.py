"""What a call costs: token counts in, whole nano-dollars out; unknown stays unknown.

Money is an integer of nano-dollars (1e-9 USD): sums are exact and need no rounding rule.
The table is the genai-prices snapshot in its wheel; nothing is fetched.
"""

from dataclasses import dataclass
from typing import Literal

NANO_PER_USD = 1_000_000_000

UsageSource = Literal["provider", "estimated"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Billable tokens of one call; input includes cached ones, output includes reasoning."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    source: UsageSource = "provider"


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one model at one provider."""

    provider: str
    model: str

    def cost_nanousd(self, usage: Usage) -> int | None: ...


def price_of(provider: str, model: str) -> Price | None:
    """Return the price of a model, None when the table does not know it."""
