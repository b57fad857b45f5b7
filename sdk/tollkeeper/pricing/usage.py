"""What a call used, and the unit money is counted in: vocabulary, with next to no behaviour."""

from dataclasses import dataclass
from typing import Final, Literal

NANO_PER_USD: Final = 1_000_000_000

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

    @property
    def contradicts(self) -> bool:
        """Tell whether more tokens were cached than there were."""
        return self.cache_read_tokens + self.cache_write_tokens > self.input_tokens
