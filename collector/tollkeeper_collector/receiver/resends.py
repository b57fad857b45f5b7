"""Requests that came before: the digest of a body in, the outcome of its first arrival out.

A sender whose answer was lost sends the same bytes again. It gets the first arrival's outcome, or
waits for it, and nothing is kept twice. Bounded in number and in age.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from tollkeeper_collector.otlp.answers import Outcome

MAX_REMEMBERED: Final = 65_536
KEEP_S: Final = 600.0  # senders give up long before

Arrival = asyncio.Future[Outcome]


class Resends:
    """Recent requests by digest; used from one event loop."""

    def __init__(self, clock: Callable[[], float], keep_s: float = KEEP_S) -> None:
        self._clock, self._keep_s = clock, keep_s
        self._recent: OrderedDict[bytes, tuple[float, Arrival]] = OrderedDict()

    def recall(self, digest: bytes) -> Arrival | None:
        """Return the first arrival of a request, None when this is it."""
        seen = self._recent.get(digest)
        return seen[1] if seen is not None else None

    def remember(self, digest: bytes, arrival: Arrival) -> None:
        """Keep a request's arrival until it is old, or fails."""
        now_s = self._clock()
        self._recent[digest] = (now_s, arrival)
        self._recent.move_to_end(digest)
        self._forget_old(now_s)

    def forget(self, digest: bytes) -> None:
        """Take a request as never seen, because it was not accepted."""
        self._recent.pop(digest, None)

    def _forget_old(self, now_s: float) -> None:
        while self._recent:
            digest, (seen_s, _) = next(iter(self._recent.items()))
            if len(self._recent) <= MAX_REMEMBERED and now_s - seen_s <= self._keep_s:
                return
            del self._recent[digest]
