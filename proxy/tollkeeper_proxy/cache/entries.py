"""What the answer store keeps: an answer under a key, for a while. Values only."""

from dataclasses import dataclass

from tollkeeper_proxy.wire import Answer


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer to keep; the tenant is there to erase by, the key already holds it."""

    key: str
    tenant_id: str
    answer: Answer
    ttl_s: float


class CacheDown(Exception):
    """The store cannot be asked: that is a miss, never an error of the request."""
