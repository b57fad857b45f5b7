"""What the answer store keeps: an answer under a key, for a while. Values only."""

from collections.abc import Callable
from dataclasses import dataclass

from tollkeeper_proxy.wire import Answer


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer to keep; the tenant is there to erase by, the key already holds it.

    ``may_be_kept`` is asked on the store's thread, just before.
    """

    key: str
    tenant_id: str
    answer: Answer
    ttl_s: float
    may_be_kept: Callable[[], bool] | None = None


class CacheDown(Exception):
    """The store cannot be asked: that is a miss, never an error of the request."""
