"""A presented key in, an identity out; what was found is remembered for a few seconds.

A key comes as bearer token, as the password of Basic, in ``X-ClickHouse-Key`` or as ``password`` in
the address. A store of keys that cannot be asked lets nobody in.
"""

import asyncio
import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Final, Protocol

from tollkeeper.errors import ControlUnreachable
from tollkeeper.keys import Identity, digest
from tollkeeper_collector.sql.errors import KeyMissing, SqlError, unauthenticated

REMEMBERED_S: Final = 10.0  # how long a revoked key may still be let in
REMEMBERED_KEYS: Final = 10_000
SYSTEM: Final = Identity("system", "system", "", role="system")


class Keys(Protocol):
    """Where keys are looked up by their digest; None: unknown, revoked or expired."""

    def find(self, key_digest: str) -> Identity | None: ...


@dataclass(slots=True)
class Credentials:
    """Whom a key belongs to, by digest; the store is asked in a thread."""

    keys: Keys
    system_key: str
    threads: Executor
    monotonic_s: Callable[[], float]
    _known: dict[str, tuple[float, Identity | None]] = field(default_factory=dict)

    async def identify(self, presented: str) -> Identity:
        """Return who it is; SqlError for a missing or unknown key or an unreachable store."""
        if not presented:
            raise KeyMissing
        key_digest = digest(presented)
        if self.system_key and hmac.compare_digest(key_digest, digest(self.system_key)):
            return SYSTEM
        identity = await self._look_up(key_digest)
        if identity is None:
            raise unauthenticated("the key is unknown, revoked or expired")
        return identity

    async def _look_up(self, key_digest: str) -> Identity | None:
        now_s = self.monotonic_s()
        seen = self._known.get(key_digest)
        if seen is not None and now_s - seen[0] < REMEMBERED_S:
            return seen[1]
        loop = asyncio.get_running_loop()
        try:
            identity = await loop.run_in_executor(self.threads, self.keys.find, key_digest)
        except ControlUnreachable as failure:
            raise SqlError(999, "UNAVAILABLE", "keys cannot be checked now") from failure
        if len(self._known) >= REMEMBERED_KEYS:
            self._known.clear()
        self._known[key_digest] = (now_s, identity)
        return identity


def presented_key(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Return the key a request carries, from the first place that has one; "" when none has."""
    scheme, _, value = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        return _basic_password(value)
    return headers.get("X-ClickHouse-Key") or query.get("password") or ""


def _basic_password(value: str) -> str:
    try:
        return base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
