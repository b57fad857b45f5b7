"""Who is sending: the credential of a request in, an Identity out, or a reason to refuse.

The whole credential is hashed and looked up; nothing is compared by prefix. Found keys are believed
for a few seconds, so a revoked one is refused everywhere soon. A key store that cannot be asked
means "try later", never "come in".
"""

import asyncio
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from tollkeeper.errors import ControlUnreachable
from tollkeeper.keys import Identity, digest
from tollkeeper_collector.errors import Forbidden, RetryLater, Unauthenticated

MAX_REMEMBERED: Final = 4096
WRITERS: Final = frozenset({"member", "admin", "system"})
SYSTEM: Final = Identity("system", "system", "default", "system")


class KeyFinder(Protocol):
    """Where keys are looked up; may block."""

    def find(self, key_digest: str, /) -> Identity | None:
        """Return whom a digest belongs to; raise ControlUnreachable when nobody can tell."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    identity: Identity | None
    until_s: float


class Doorkeeper:
    """Tells senders by their credentials."""

    def __init__(
        self,
        keys: KeyFinder,
        system_key: str = "",
        *,
        believe_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys, self._believe_s, self._clock = keys, believe_s, clock
        self._system_digest = digest(system_key) if system_key else ""
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def writer(self, headers: Mapping[str, str]) -> Identity:
        """Return who may write; raise Unauthenticated, Forbidden or RetryLater."""
        identity = await self.identify(credential_of(headers))
        if identity.role not in WRITERS:
            raise Forbidden("this key may not write")
        return identity

    async def identify(self, credential: str) -> Identity:
        """Return whose credential it is; raise Unauthenticated or RetryLater."""
        if not credential:
            raise Unauthenticated("a key is needed: Authorization: Bearer tk-...")
        presented = digest(credential)
        if self._system_digest and hmac.compare_digest(presented, self._system_digest):
            return SYSTEM
        if (identity := await self._found(presented)) is None:
            raise Unauthenticated("the key is not known, or not any more")
        return identity

    async def _found(self, presented: str) -> Identity | None:
        known = self._known.get(presented)
        if known is not None and known.until_s > self._clock():
            return known.identity
        try:
            identity = await asyncio.to_thread(self._keys.find, presented)
        except ControlUnreachable as error:
            raise RetryLater("keys cannot be checked now") from error
        self._known[presented] = _Known(identity, self._clock() + self._believe_s)
        self._known.move_to_end(presented)
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return identity


def credential_of(headers: Mapping[str, str]) -> str:
    """Return the credential a request presents, "" for none; names must be lower-case or folded."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    return headers.get("x-api-key", "") or headers.get("api-key", "")
