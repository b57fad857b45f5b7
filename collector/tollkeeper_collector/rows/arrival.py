"""What all records of a request have in common: who sent them, when, and under which rules.

The tenant comes from the credential. Only our own components (role ``system``) may name it per
resource; anybody else's claim is overwritten, and so is a scope that claims to be our proxy.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from tollkeeper import semconv
from tollkeeper.keys import Identity
from tollkeeper_collector.chunks import Chunk
from tollkeeper_collector.content import ContentMode, keeps
from tollkeeper_collector.otlp.signals import Attributes, Scope
from tollkeeper_collector.rows.clamp import MAX_NAME, bounded

HOUR_NS: Final = 3_600_000_000_000
DAY_NS: Final = 24 * HOUR_NS
CLAIMED_SCOPE: Final = f"{semconv.PROXY_SCOPE} (claimed)"


@dataclass(frozen=True, slots=True)
class Rules:
    """What is accepted and what is kept of it."""

    content: ContentMode = "redacted"
    past_ns: int = 30 * DAY_NS  # older records would leave with their partition at once
    future_ns: int = HOUR_NS


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who sent something, and when it came."""

    identity: Identity
    at_ns: int
    rules: Rules

    @property
    def keeps_content(self) -> bool:
        """Tell whether this sender's content is stored."""
        return keeps(self.rules.content, self.identity.role)

    @property
    def earliest_ns(self) -> int:
        """The oldest time that is accepted."""
        return self.at_ns - self.rules.past_ns

    @property
    def latest_ns(self) -> int:
        """The latest time that is accepted."""
        return self.at_ns + self.rules.future_ns


@dataclass(slots=True)
class Accepted:
    """The rows of a request, and how many records were rejected, by reason."""

    rows: int = 0
    chunks: list[Chunk] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)


def stamped(resource: Attributes, identity: Identity) -> Attributes:
    """Return the resource with the tenant it belongs to, whatever it claimed."""
    claimed = resource.get(semconv.TENANT_ID, "") if identity.role == "system" else ""
    return bounded(resource, Counter()) | {semconv.TENANT_ID: claimed or identity.tenant_id}


def scope_name(scope: Scope, identity: Identity) -> str:
    """Return the scope's name; only the proxy itself may carry the proxy's."""
    if scope.name == semconv.PROXY_SCOPE and identity.role != "system":
        return CLAIMED_SCOPE
    return scope.name[:MAX_NAME]
