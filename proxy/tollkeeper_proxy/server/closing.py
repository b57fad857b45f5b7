"""Closing time: requests that are still being answered at shutdown are told so, not just cut off.

Requests pass in and out; when time is called, whatever each of them waits for ends with
``ShuttingDown``. A caller's own leaving stays a cancellation.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tollkeeper_proxy.errors import ShuttingDown


class ClosingTime:
    """Knows who is inside; ``call`` ends their waiting."""

    def __init__(self) -> None:
        self._inside: set[asyncio.Timeout] = set()
        self._called = False

    @asynccontextmanager
    async def open_hours(self) -> AsyncIterator[None]:
        """Serve within; raises ``ShuttingDown`` out of any wait once time has been called."""
        patience = asyncio.timeout(0 if self._called else None)
        try:
            async with patience:
                self._inside.add(patience)
                try:
                    yield
                finally:
                    self._inside.discard(patience)
        except TimeoutError:
            if patience.expired():
                raise ShuttingDown from None
            raise

    def call(self) -> None:
        """End the waiting of all who are inside, and of all who still come."""
        self._called = True
        now_s = asyncio.get_running_loop().time()
        for patience in self._inside:
            patience.reschedule(now_s)
