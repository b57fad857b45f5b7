"""Who is calling: a presented credential in, an identity or a refusal out.

A found key is believed for ``cache_s``, so a request of a known caller costs one hash and one
look-up in memory. When the store is away nobody new gets in.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tollkeeper.errors import ControlUnreachable
from tollkeeper.keys import Identity, digest, is_virtual, shown
from tollkeeper_proxy.exchange import Exchange, Refusal
from tollkeeper_proxy.settings import IdentitySettings

REMEMBERED_KEYS = 10_000  # about 5 MB
REMEMBERED_STRANGERS = 1_000  # enough to blunt a loop with one wrong key, too few to fill memory
STRANGER_S = 1.0  # a key made a moment ago must work a moment later
LONGEST_CREDENTIAL = 4096  # longer ones are nobody's and not worth a hash

MISSING = Refusal(
    policy="identify",
    message=(
        "No API key was given. Send one as 'Authorization: Bearer tk-…'; "
        "'tollkeeper keys create --name NAME' makes one."
    ),
    status=401,
    code="missing_api_key",
)
UNAVAILABLE = Refusal(
    policy="identify",
    message="The key cannot be checked at the moment.",
    status=503,
    kind="api_error",
    code="identity_unavailable",
    retryable=True,
    retry_after_s=1,
)


class KeyLookup(Protocol):
    """Finds whom a digest belongs to; blocks; raises ControlUnreachable."""

    def find(self, key_digest: str) -> Identity | None: ...


@dataclass(frozen=True, slots=True)
class _Remembered:
    identity: Identity | None
    until_s: float


class IdentifyPolicy:
    """Turns a credential into an identity."""

    name = "identify"

    def __init__(
        self,
        settings: IdentitySettings,
        lookup: KeyLookup,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._lookup = lookup
        self._clock = clock
        self._found = _Memory(REMEMBERED_KEYS)
        self._strangers = _Memory(REMEMBERED_STRANGERS)
        self._asking: dict[str, asyncio.Task[Identity | None]] = {}

    async def on_request(self, exchange: Exchange) -> Refusal | None:
        credential = exchange.caller.credential
        if not credential:
            return MISSING
        if len(credential) > LONGEST_CREDENTIAL:
            return _invalid(credential)
        name = digest(credential)
        if not is_virtual(credential):
            return self._pass_through(exchange, name)
        remembered = self._recall(name)
        if remembered is None:
            try:
                identity = await self._find(name)
            except ControlUnreachable:
                exchange.decide(self.name, "unavailable")
                return UNAVAILABLE
        else:
            identity = remembered.identity
        if identity is None:
            return _invalid(credential)
        exchange.identity = identity
        return None

    def on_done(self, exchange: Exchange) -> None:
        """Nothing to settle."""

    def _pass_through(self, exchange: Exchange, name: str) -> Refusal | None:
        """Accept a provider's own key where that is allowed; whose it is stays unknown."""
        if not self._settings.pass_through:
            return _invalid(exchange.caller.credential)
        exchange.identity = Identity(
            key_id=f"pass-through:{name[:12]}", key_name="pass-through", tenant_id="pass-through"
        )
        exchange.decide(self.name, "pass-through")
        return None

    def _recall(self, name: str) -> _Remembered | None:
        now_s = self._clock()
        return self._found.get(name, now_s) or self._strangers.get(name, now_s)

    async def _find(self, name: str) -> Identity | None:
        """Ask the store, once for all who wait for the same key."""
        task = self._asking.get(name)
        if task is None:
            task = asyncio.create_task(self._ask(name))
            task.add_done_callback(_heard)
            self._asking[name] = task
        return await asyncio.shield(task)  # one caller leaving must not fail the others

    async def _ask(self, name: str) -> Identity | None:
        asked_s = self._clock()
        try:
            identity = await asyncio.to_thread(self._lookup.find, name)
        finally:
            del self._asking[name]
        if identity is None:
            self._strangers.put(name, _Remembered(None, asked_s + STRANGER_S))
        else:
            self._found.put(name, _Remembered(identity, asked_s + self._settings.cache_s))
        return identity


def _heard(task: asyncio.Task[Identity | None]) -> None:
    """Take note of a failure that everyone who waited for it has walked away from."""
    if not task.cancelled():
        task.exception()


class _Memory:
    """A bounded memory that forgets what is too old and, when full, what came first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[str, _Remembered] = OrderedDict()

    def get(self, name: str, now_s: float) -> _Remembered | None:
        entry = self._entries.get(name)
        return entry if entry is not None and now_s < entry.until_s else None

    def put(self, name: str, entry: _Remembered) -> None:
        self._entries.pop(name, None)
        self._entries[name] = entry
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)


def _invalid(credential: str) -> Refusal:
    hint = f" ({shown(credential)}…)" if is_virtual(credential) else ""
    return Refusal(
        policy="identify",
        message=f"The API key{hint} is not valid: unknown, revoked or expired.",
        status=401,
        code="invalid_api_key",
    )
