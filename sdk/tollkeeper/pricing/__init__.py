"""What a call costs: token counts in, whole nano-dollars out; unknown stays unknown.

Money is an integer of nano-dollars (1e-9 USD): sums are exact and need no rounding rule. The table
is the genai-prices snapshot in its wheel; nothing is fetched.
"""

from tollkeeper.pricing.price import Price, price_of
from tollkeeper.pricing.usage import NANO_PER_USD, Usage, UsageSource

__all__ = ["NANO_PER_USD", "Price", "Usage", "UsageSource", "price_of"]
