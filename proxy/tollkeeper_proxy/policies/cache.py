"""The exact cache: a repeated request of the same tenant gets the answer it got before.

Off unless asked for. Only whole answers that ended by themselves are kept, and none with personal
data where requests are masked; the key holds the tenant, the target, the route, the policies'
version and everything that decides the answer.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, Protocol

from tollkeeper.keys import Identity
from tollkeeper_proxy.cache.entries import CacheDown, Entry
from tollkeeper_proxy.exchange import Exchange
from tollkeeper_proxy.settings import CacheSettings, PolicySettings
from tollkeeper_proxy.wire import Answer, AnswerSummary

RULES_VERSION: Final = 1  # raise it when a policy's rules change what an answer may hold
# Ends the model chose; an answer cut by a limit or a filter is not what was asked for.
WHOLE: Final = frozenset({"stop", "tool_calls", "function_call", "end_turn", "stop_sequence"})


class AnswerStore(Protocol):
    """Keeps answers; ``find`` raises ``CacheDown``, ``keep`` only queues."""

    async def find(self, key: str) -> Answer | None: ...

    def keep(self, entry: Entry) -> None: ...


class CachePolicy:
    """Look up on the way in, keep on the way out."""

    name = "cache"

    def __init__(
        self,
        settings: CacheSettings,
        store: AnswerStore,
        *,
        policies: PolicySettings,
        redact_text: Callable[[str], str] | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._redact_text = redact_text
        # Answers that are masked themselves need no second look.
        self._looks_for_pii = policies.pii.mode != "off" and not policies.pii.answers
        self._version = f"{RULES_VERSION}:{policies.model_dump_json()}"

    async def on_request(self, exchange: Exchange) -> Answer | None:
        wish = exchange.caller.cache
        if not self._settings.enabled or wish == "no-store":
            return None
        exchange.cache_key = self._key(exchange)
        exchange.cache = "miss"
        if wish == "no-cache":
            exchange.decide(self.name, "miss", "no-cache")
            return None
        try:
            answer = await self._store.find(exchange.cache_key)
        except CacheDown:
            exchange.decide(self.name, "unavailable")
            return None
        if answer is None:
            exchange.decide(self.name, "miss")
            return None
        exchange.cache = "hit"
        exchange.decide(self.name, "hit")
        return answer

    def on_done(self, exchange: Exchange) -> None:
        answer = exchange.answer
        if exchange.cache != "miss" or answer is None or not _is_whole(exchange, answer):
            return
        check = partial(self._holds_no_pii, exchange.summary) if self._looks_for_pii else None
        ttl_s = self._settings.ttl_s
        self._store.keep(Entry(exchange.cache_key, exchange.tenant_id, answer, ttl_s, check))

    def _holds_no_pii(self, summary: AnswerSummary | None) -> bool:
        """Tell whether an answer may lie on disk where requests are masked; off the loop."""
        redact_text = self._redact_text
        if redact_text is None:
            return False  # nobody here can tell
        texts = _texts(summary.output_messages if summary else [])
        return all(redact_text(text) == text for text in texts)

    def _key(self, exchange: Exchange) -> str:
        identity, target, request = exchange.identity, exchange.target, exchange.request
        if identity is None or target is None or request is None:
            raise LookupError("identify and routing must run before the cache")
        parts = [_owner(identity), target.name, exchange.route, self._version]
        digest = hashlib.sha256()
        for part in (*(part.encode() for part in parts), request.fingerprint()):
            digest.update(len(part).to_bytes(8, "big"))  # no two lists of parts read the same
            digest.update(part)
        return digest.hexdigest()


def _owner(identity: Identity) -> str:
    """Return whose answers these are: callers who brought their own keys share no tenant."""
    passes_through = identity.key_id.startswith("pass-through:")
    return f"key:{identity.key_id}" if passes_through else f"tenant:{identity.tenant_id}"


def _texts(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for each in node:
            yield from _texts(each)
    elif isinstance(node, dict):
        for each in node.values():
            yield from _texts(each)


def _is_whole(exchange: Exchange, answer: Answer) -> bool:
    summary = exchange.summary
    if exchange.outcome != "complete" or not 200 <= answer.status < 300 or summary is None:
        return False
    if summary.error_type or not summary.finish_reasons:
        return False
    return all(reason in WHOLE for reason in summary.finish_reasons)
