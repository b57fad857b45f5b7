"""Failed sign-ins by address: after a few, each further one costs a longer wait.

A clock in seconds comes in, a wait in seconds goes out. Kept by the server, so that neither a new
browser nor a cleared cookie starts afresh.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

FREE_ATTEMPTS: Final = 5
FIRST_WAIT_S: Final = 2.0
LONGEST_WAIT_S: Final = 900.0
FORGOTTEN_AFTER_S: Final = 3_600.0
MAX_ADDRESSES: Final = 10_000  # the oldest are forgotten: memory is bounded, a lock is not eternal


@dataclass(slots=True)
class _Record:
    failures: int = 0
    locked_until_s: float = 0.0
    last_s: float = 0.0


@dataclass(slots=True)
class Attempts:
    """What is remembered of failed attempts."""

    now_s: Callable[[], float]
    _records: OrderedDict[str, _Record] = field(default_factory=OrderedDict)

    def wait_s(self, address: str) -> int:
        """Return how many whole seconds this address has to wait; 0 when it may try."""
        record = self._known(address)
        return 0 if record is None else max(0, math.ceil(record.locked_until_s - self.now_s()))

    def failed(self, address: str) -> None:
        """Note a wrong password; from the sixth on the wait doubles each time."""
        record = self._known(address) or _Record()
        record.failures += 1
        record.last_s = self.now_s()
        over = record.failures - FREE_ATTEMPTS
        if over >= 0:
            wait_s = min(FIRST_WAIT_S * 2.0 ** min(over, 30), LONGEST_WAIT_S)
            record.locked_until_s = self.now_s() + wait_s
        self._records[address] = record
        self._records.move_to_end(address)
        while len(self._records) > MAX_ADDRESSES:
            self._records.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget what was wrong before."""
        self._records.pop(address, None)

    def _known(self, address: str) -> _Record | None:
        record = self._records.get(address)
        if record is not None and self.now_s() - record.last_s > FORGOTTEN_AFTER_S:
            del self._records[address]
            return None
        return record
