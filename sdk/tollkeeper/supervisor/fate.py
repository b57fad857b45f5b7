"""When a child that died is started again: times in, a verdict out; no clock, no process."""

from dataclasses import dataclass, replace
from typing import Final

FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 30.0
HEALTHY_AFTER_S: Final = 60.0  # ready for so long: earlier deaths are forgotten
HOPELESS_AFTER: Final = 3  # deaths of a child that never was ready


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a child so far; ``deaths`` are those in a row."""

    deaths: int = 0
    ever_ready: bool = False
    ready_since_s: float | None = None

    def ready(self, now_s: float) -> "Fate":
        """Return its fate once it serves."""
        return replace(self, ever_ready=True, ready_since_s=now_s)

    def died(self, now_s: float) -> "Fate":
        """Return its fate once it is gone."""
        since = self.ready_since_s
        healthy = since is not None and now_s - since >= HEALTHY_AFTER_S
        return replace(self, deaths=1 if healthy else self.deaths + 1, ready_since_s=None)

    @property
    def is_hopeless(self) -> bool:
        """Tell whether starting it once more would only repeat what happened."""
        return not self.ever_ready and self.deaths >= HOPELESS_AFTER

    @property
    def delay_s(self) -> float:
        """How long to wait before starting it again."""
        doublings = min(self.deaths - 1, 10)
        return float(min(FIRST_DELAY_S * 2**doublings, LONGEST_DELAY_S))
