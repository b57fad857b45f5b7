"""What a call used and cost, from what is known of it: the provider's word first, else an estimate.

Unknown stays unknown: without usage there is no cost, and no cost is not zero. A request the
provider refused, or never got, used nothing and is known to have cost nothing.
"""

from typing import Final

from tollkeeper.pricing import Price, Usage, price_of
from tollkeeper_proxy.accounts.tokens import count_tokens
from tollkeeper_proxy.exchange import Decision, Exchange

# Faults before any model was at work: nothing was sent, or it was sent on its way elsewhere.
_NEVER_SERVED: Final = frozenset(
    {"connect_failed", "connect_timeout", "pool_exhausted", "redirect_refused"}
)

_CONTRADICTORY: Final = Decision("account", "contradictory_usage", "more cached than input tokens")


def account(exchange: Exchange) -> None:
    """Set ``usage`` and ``cost_nanousd`` of an exchange; may be called again when more is known."""
    if exchange.outcome == "cached":
        exchange.cost_nanousd = 0
        return
    if not exchange.attempts:
        return
    if exchange.usage is None or exchange.usage.source == "estimated":
        exchange.usage = _usage(exchange)
    _reprice(exchange)
    if exchange.usage is not None and exchange.price is not None:
        exchange.cost_nanousd = exchange.price.cost_nanousd(exchange.usage)
        _doubt(exchange, exchange.usage)
    elif exchange.usage is None and _known_free(exchange):
        exchange.cost_nanousd = 0


def _doubt(exchange: Exchange, usage: Usage) -> None:
    """Note, once, why the provider's own word has no cost."""
    if usage.contradicts and _CONTRADICTORY not in exchange.decisions:
        exchange.decisions.append(_CONTRADICTORY)


def _reprice(exchange: Exchange) -> None:
    """Take the price of the model and the tier that really served, where the answer names them.

    What was asked for may be an alias, a deployment's own name, or a model that fell back to a
    dearer one.
    """
    summary, target = exchange.summary, exchange.target
    if summary is None or target is None or not (summary.model or summary.service_tier):
        return
    tier = summary.service_tier
    served = price_of(target.provider, summary.model, service_tier=tier) if summary.model else None
    asked = price_of(target.provider, target.model, service_tier=tier)
    if served is None and summary.model != target.model and asked is not None and _is_free(asked):
        asked = exchange.price = None  # nobody said that the other model is free too
    exchange.price = served or asked or exchange.price


def _is_free(price: Price) -> bool:
    return price.ceiling_nanousd(1_000_000, 1_000_000) == 0


def _usage(exchange: Exchange) -> Usage | None:
    summary = exchange.summary
    if summary is not None and summary.usage is not None:
        return summary.usage
    return _estimate(exchange)


def _estimate(exchange: Exchange) -> Usage | None:
    """Count what was sent and what came back before the end (reliability promise R3)."""
    request = exchange.request
    if request is None or _known_free(exchange):
        return None
    asked = "\n".join(surface.text for surface in request.surfaces())
    messages = exchange.summary.output_messages if exchange.summary else []
    answered = "\n".join(text for message in messages for text in _texts(message))
    # Joined, because only what is counted at once is counted within bounds.
    return Usage(count_tokens(asked), count_tokens(answered), source="estimated")


def _texts(message: dict[str, object]) -> list[str]:
    parts = message.get("parts")
    found: list[str] = []
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict):
            found += [v for k in ("content", "arguments") if isinstance(v := part.get(k), str)]
    return found


def _known_free(exchange: Exchange) -> bool:
    last = exchange.attempts[-1]
    return last.status >= 400 or last.error_type in _NEVER_SERVED
