"""The loss ledger: every accepted record is stored, waiting, quarantined or dropped, by count.

``accepted + recovered = stored + waiting + quarantined + dropped`` holds whenever nothing is under
way; ``waiting`` is the journal's own count. Safe to use from any thread.
"""

from collections import Counter
from collections.abc import Mapping
from threading import Lock
from typing import Final, Literal

Outcome = Literal[
    "accepted",  # acknowledged: durable in the journal
    "recovered",  # acknowledged by an earlier process, found in the journal
    "stored",
    "quarantined",  # refused by the store, kept as a dead letter
    "dropped",  # lost, with the reason
    "rejected",  # never accepted, with the reason; the sender was told
    "repeated",  # sent again although accepted before; acknowledged without keeping it twice
]
SIGNALS: Final = ("traces", "logs", "metrics")  # a signal's number is its place


class Tally:
    """Counts of records by outcome, signal and reason."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[tuple[Outcome, str, str]] = Counter()

    def add(self, outcome: Outcome, signal: str, count: int = 1, *, reason: str = "") -> None:
        """Count records."""
        if count:
            with self._lock:
                self._counts[outcome, signal, reason] += count

    def counts(self) -> Mapping[tuple[Outcome, str, str], int]:
        """Return all counts at one moment."""
        with self._lock:
            return dict(self._counts)

    def total(self, outcome: Outcome, signal: str = "") -> int:
        """Return how many records had an outcome, of one signal or of all."""
        return sum(
            count
            for (kind, of_signal, _), count in self.counts().items()
            if kind == outcome and signal in ("", of_signal)
        )
