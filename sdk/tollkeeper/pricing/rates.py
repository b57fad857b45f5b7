"""One step of a price, compiled: USD per million tokens in, integers and their arithmetic out.

A cost is then a handful of multiplications, exact until the last rounding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tollkeeper.pricing.usage import Usage


@dataclass(frozen=True, slots=True)
class Rates:
    """Integer rates of one price step; ``per_nanousd`` of their unit make one nano-dollar.

    None means the table has no rate of that kind: the tokens then count at the plain input or
    output rate. ``cache_audio`` tells that cached audio has a rate of its own.
    """

    per_nanousd: int
    input: int
    output: int | None
    request: int = 0
    cache_read: int | None = None
    cache_write: int | None = None
    input_audio: int | None = None
    output_audio: int | None = None
    reasoning: int | None = None
    cache_audio: bool = False

    def cost(self, usage: Usage) -> int | None:
        """Return nano-USD rounded half up; None when a rate is missing or counts contradict."""
        plain, total = usage.input_tokens, self.request
        if plain < 0 or usage.output_tokens < 0:
            return None
        if usage.cache_read_tokens or usage.cache_write_tokens or usage.input_audio_tokens:
            if usage.contradicts:
                return None  # also where caching has no rate: somebody counted otherwise than we
            parts = (
                (usage.cache_read_tokens, self.cache_read),
                (usage.cache_write_tokens, self.cache_write),
                (usage.input_audio_tokens, self.input_audio),
            )
            extra = _priced(parts)
            if extra is None or (
                self.cache_audio and usage.cache_read_tokens and usage.input_audio_tokens
            ):
                return None  # nobody said how much of the audio was cached
            plain, total = plain - extra[0], total + extra[1]
        answer = self._output_cost(usage)
        if plain < 0 or answer is None:
            return None
        total += plain * self.input + answer
        return (2 * total + self.per_nanousd) // (2 * self.per_nanousd)

    def _output_cost(self, usage: Usage) -> int | None:
        plain, total = usage.output_tokens, 0
        if usage.reasoning_tokens or usage.output_audio_tokens:
            parts = (
                (usage.reasoning_tokens, self.reasoning),
                (usage.output_audio_tokens, self.output_audio),
            )
            extra = _priced(parts)
            if extra is None:
                return None
            plain, total = plain - extra[0], extra[1]
        if self.output is None:
            return total if plain == 0 else None
        return total + plain * self.output if plain >= 0 else None

    def ceiling(self, input_tokens: int, output_tokens: int) -> int | None:
        """Return an upper bound in nano-USD, whatever kind each of the tokens turns out to be."""
        outputs = [self.output, self.output_audio, self.reasoning]
        dearest_output = max((rate for rate in outputs if rate is not None), default=None)
        if dearest_output is None or self.output is None:
            if output_tokens > 0:
                return None
            dearest_output = 0
        inputs = [self.input, self.cache_read, self.cache_write, self.input_audio]
        dearest_input = max(rate for rate in inputs if rate is not None)
        total = self.request + input_tokens * dearest_input + output_tokens * dearest_output
        return -(-total // self.per_nanousd)


def compile_rates(usd: Mapping[str, Decimal]) -> Rates:
    """Compile USD per million tokens to integers: pico-USD per token, finer where need be."""
    decimals = max(-int(rate.as_tuple().exponent) for rate in usd.values())
    shift = max(decimals, 6)
    whole = {key: int(rate.scaleb(shift)) for key, rate in usd.items()}
    return Rates(
        per_nanousd=10 ** (shift - 3),  # 1 USD per million tokens is 1000 nano-USD per token
        input=whole["input_mtok"],
        output=whole.get("output_mtok"),
        request=whole.get("requests_kcount", 0) * 1000,  # per thousand requests, not per million
        cache_read=whole.get("cache_read_mtok"),
        cache_write=whole.get("cache_write_mtok"),
        input_audio=whole.get("input_audio_mtok"),
        output_audio=whole.get("output_audio_mtok"),
        reasoning=whole.get("output_reasoning_mtok"),
        cache_audio="cache_audio_read_mtok" in usd,
    )


def _priced(parts: tuple[tuple[int, int | None], ...]) -> tuple[int, int] | None:
    """Return how many tokens have a rate of their own and what they cost; None if one is < 0."""
    tokens = total = 0
    for count, rate in parts:
        if count < 0:
            return None
        if rate is not None:
            tokens += count
            total += count * rate
    return tokens, total
