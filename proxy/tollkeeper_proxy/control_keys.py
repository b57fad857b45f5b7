"""The control store as the proxy uses it: digests in, identities out."""

import asyncio

from tollkeeper.control import KeyStore
from tollkeeper.control.schema import migrate
from tollkeeper.keys import Identity


class ControlKeys:
    """Looks keys up; implements ``KeyLookup``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._store = KeyStore(url)

    async def open(self) -> None:
        """Bring the store to the newest schema; raises ``ControlUnreachable``."""
        await asyncio.to_thread(migrate, self._url)

    async def close(self) -> None:
        """Give back the connections."""
        await asyncio.to_thread(self._store.close)

    def find(self, key_digest: str) -> Identity | None:
        """Return whom a digest belongs to; blocks."""
        return self._store.find(key_digest)
