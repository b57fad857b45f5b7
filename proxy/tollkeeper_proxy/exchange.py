"""The one value that travels: a request and all that became of it.

Written by the server, the policies and the upstream as the request passes; read at the end by the
ledger, the cache and the telemetry. It holds no socket and does no I/O.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tollkeeper.keys import Identity
from tollkeeper.pricing import Price, Usage
from tollkeeper_proxy.wire import Answer, AnswerSummary, WireRequest

Outcome = Literal["open", "complete", "truncated", "cancelled", "failed", "refused", "cached"]


@dataclass(frozen=True, slots=True)
class Trace:
    """Where this request stands in its trace: ids in lower-case hex, W3C trace context."""

    trace_id: str
    span_id: str
    parent_span_id: str = ""
    sampled: bool = True


@dataclass(frozen=True, slots=True)
class Caller:
    """What the caller said of itself: fine for grouping, never for authorisation."""

    credential: str = ""
    user: str = ""
    session: str = ""
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    cache: str = ""  # the caller's wish: "", "no-store", "no-cache"


@dataclass(frozen=True, slots=True)
class Target:
    """One model at one provider: where a request is to be sent."""

    provider: str
    model: str

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A policy's no, as a value; rendered in the caller's dialect by the wire adapter."""

    policy: str
    message: str
    status: int = 403
    kind: str = "invalid_request_error"  # OpenAI's error.type
    code: str = "refused"  # OpenAI's error.code
    param: str | None = None
    retryable: bool = False
    retry_after_s: int | None = None
    allowed_methods: str = ""  # what a 405 must tell (RFC 9110), as ``Allow`` has it


@dataclass(frozen=True, slots=True)
class Decision:
    """What one policy did, for the span: verdict is a word, detail a count or a name."""

    policy: str
    verdict: str
    detail: str = ""


@dataclass(slots=True)
class Attempt:
    """One call to one upstream, with its own span and its own fate; times on both clocks."""

    target: Target
    span_id: str
    started_unix_ns: int
    host: str = ""
    port: int = 0
    status: int = 0
    ended_unix_ns: int = 0
    first_byte_s: float | None = None
    error_type: str = ""


@dataclass(slots=True)
class Exchange:
    """One request and all that became of it."""

    request_id: str
    route: str
    trace: Trace
    caller: Caller
    started_unix_ns: int
    started_s: float  # monotonic
    method: str = "POST"
    bytes_in: int = 0
    bytes_out: int = 0
    request: WireRequest | None = None
    identity: Identity | None = None
    target: Target | None = None
    price: Price | None = None
    fallback_prices: tuple[Price | None, ...] = ()  # of the request's ``fallback_models``
    attempts: list[Attempt] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    redactions: int = 0
    cache: Literal["off", "miss", "hit"] = "off"
    cache_key: str = ""  # digest of all that decides the answer, whose it is included
    refusal: Refusal | None = None
    answer: Answer | None = None  # a whole, final, 2xx answer; never part of a stream
    summary: AnswerSummary | None = None
    usage: Usage | None = None  # None: nobody knows; never read as zero
    cost_nanousd: int | None = None  # None: unknown price or usage; 0: free
    reservation_id: str = ""
    budget_remaining_nanousd: int | None = None
    status: int = 0
    error_type: str = ""
    outcome: Outcome = "open"
    ended_unix_ns: int = 0

    def decide(self, policy: str, verdict: str, detail: str = "") -> None:
        """Note what a policy did."""
        self.decisions.append(Decision(policy, verdict, detail))

    @property
    def tenant_id(self) -> str:
        return self.identity.tenant_id if self.identity else ""
