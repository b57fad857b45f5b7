"""The headers of an answer: what of the provider's may pass, and what we add of our own.

What passes is an allow-list: cookies, server banners and a provider's account headers stay here.
"""

from typing import Final

from tollkeeper.pricing import NANO_PER_USD
from tollkeeper_proxy.exchange import Exchange, Refusal

_PASSING: Final = frozenset(
    {"content-type", "retry-after", "retry-after-ms", "openai-processing-ms", "openai-version"}
)
_PASSING_PREFIX: Final = "x-ratelimit-"

Headers = list[tuple[str, str]]


def relayed_headers(headers: Headers) -> Headers:
    """Return the provider's headers that the caller may see."""
    relayed = [(n, v) for n, v in headers if n in _PASSING or n.startswith(_PASSING_PREFIX)]
    relayed += [("x-upstream-request-id", v) for n, v in headers if n == "x-request-id"]
    return relayed


def answer_headers(exchange: Exchange) -> Headers:
    """Return our own headers for an answer, as far as its facts are known when it begins."""
    trace = exchange.trace
    headers = [
        ("x-request-id", exchange.request_id),
        ("x-tollkeeper-trace-id", trace.trace_id),
        ("traceparent", f"00-{trace.trace_id}-{trace.span_id}-{'01' if trace.sampled else '00'}"),
    ]
    if exchange.target is not None:
        headers.append(("x-tollkeeper-model", _printable(exchange.target.model)))
        headers.append(("x-tollkeeper-provider", exchange.target.provider))
        headers.append(("x-tollkeeper-attempts", str(len(exchange.attempts))))
        headers.append(("x-tollkeeper-cache", exchange.cache))
    if exchange.cost_nanousd is not None:
        headers.append(("x-tollkeeper-cost-usd", usd(exchange.cost_nanousd)))
    if exchange.budget_remaining_nanousd is not None:
        headers.append(
            ("x-tollkeeper-budget-remaining-usd", usd(exchange.budget_remaining_nanousd))
        )
    if exchange.decisions:
        told = (f"{d.policy}={d.verdict}" for d in exchange.decisions)
        headers.append(("x-tollkeeper-policies", ", ".join(told)))
    return headers


def refusal_headers(refusal: Refusal) -> Headers:
    """Return what tells a caller whether trying again, or another method, makes sense."""
    headers: Headers = []
    if not refusal.retryable:
        headers.append(("x-should-retry", "false"))
    if refusal.retry_after_s is not None:
        headers.append(("retry-after", str(refusal.retry_after_s)))
    if refusal.allowed_methods:
        headers.append(("allow", refusal.allowed_methods))
    return headers


def usd(nanousd: int) -> str:
    """Return an exact decimal amount of dollars, without trailing zeros."""
    sign = "-" if nanousd < 0 else ""
    whole, fraction = divmod(abs(nanousd), NANO_PER_USD)
    digits = f"{fraction:09d}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def _printable(text: str) -> str:
    return "".join(c if 0x20 <= ord(c) < 0x7F else "?" for c in text[:200])
