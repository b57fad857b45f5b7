"""Whose fault it was, as exceptions that carry the answer the caller gets.

    ProxyError
    ├── CallerError     the request cannot be served as it stands (4xx)
    ├── ShuttingDown    this worker leaves before the answer has ended (503)
    └── UpstreamError   the provider failed before its answer began (502, 504)

A policy's no is not an error but a ``Refusal``; anything else that escapes is our own bug and is
answered 500 at the request boundary.
"""

from typing import Final, Literal

from tollkeeper_proxy.exchange import Refusal

UpstreamFault = Literal[
    "connect_failed",
    "connect_timeout",
    "first_byte_timeout",
    "idle_timeout",
    "total_timeout",
    "connection_lost",
    "bad_response",
    "too_large",
    "redirect_refused",
    "pool_exhausted",
]

_STATUS: Final = {"pool_exhausted": 503}
_TIMEOUTS: Final = frozenset(
    {"connect_timeout", "first_byte_timeout", "idle_timeout", "total_timeout"}
)


class ProxyError(Exception):
    """Something that ends a request early and knows how to say so."""


class CallerError(ProxyError):
    """The caller's fault; ``refusal`` is what to tell it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class ShuttingDown(ProxyError):
    """This worker leaves and waits no longer; ``refusal`` is what to tell the caller."""

    refusal: Final = Refusal(
        policy="server",
        message="The proxy is shutting down; ask again.",
        status=503,
        kind="api_error",
        code="shutdown",
        retryable=True,
        retry_after_s=1,
    )


class UpstreamError(ProxyError):
    """The provider's fault: ``fault`` names it; the text never holds a key or a whole URL."""

    def __init__(self, fault: UpstreamFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault

    def as_refusal(self) -> Refusal:
        """Return the answer: 504 where time ran out, 503 where we are full, 502 otherwise."""
        status = 504 if self.fault in _TIMEOUTS else _STATUS.get(self.fault, 502)
        return Refusal(
            policy="upstream",
            message=str(self),
            status=status,
            kind="upstream_error",
            code=self.fault,
            retryable=True,
            retry_after_s=1 if status == 503 else None,
        )
