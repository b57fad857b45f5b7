"""Budgets: holds the worst a request can cost before it is sent, settles what it did cost.

Reads the identity's budget, the target's price and the request's size; lowers the answer's length
to what the budget holds; refuses when even that is too little. Unknown prices never count as $0.
"""

import random
import time
from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tollkeeper.keys import Identity
from tollkeeper.pricing import NANO_PER_USD, Price, Usage
from tollkeeper_proxy.exchange import Exchange, Refusal, Target
from tollkeeper_proxy.ledger.entries import (
    LARGEST_NANOUSD,
    Account,
    Ask,
    Denied,
    Granted,
    LedgerDown,
    LedgerLine,
    Settlement,
)
from tollkeeper_proxy.ledger.windows import Window, window_at
from tollkeeper_proxy.wire import WireRequest

UNBOUNDED_OUTPUT_TOKENS = 16_384  # held, and allowed, when the caller sets no limit of its own
LEAST_OUTPUT_TOKENS = 16  # an answer cut shorter than this helps nobody: refuse instead


class Ledger(Protocol):
    """Who has spent what; ``reserve`` raises ``LedgerDown``, ``settle`` only queues."""

    async def reserve(self, ask: Ask) -> Granted | Denied: ...

    def settle(self, settlement: Settlement) -> None: ...


@dataclass(frozen=True, slots=True)
class Estimate:
    """The most a request can cost: its input's bound in tokens, the answer's limit, the prices.

    Any of the models behind the prices may serve it.
    """

    prices: tuple[Price, ...]
    input_tokens: int
    output_tokens: int

    def cost(self, output_tokens: int) -> int | None:
        """Return the bound in nano-USD for a shorter answer; None when it cannot be known."""
        dearest = 0
        for price in self.prices:
            bound = price.ceiling_nanousd(self.input_tokens, output_tokens)
            if bound is None or bound > LARGEST_NANOUSD:
                return None
            dearest = max(dearest, bound)
        return dearest

    def output_tokens_within(self, nanousd: int) -> int:
        """Return the longest answer that so much money surely pays."""
        low, high = 0, self.output_tokens
        while low < high:
            middle = (low + high + 1) // 2
            cost = self.cost(middle)
            if cost is not None and cost <= nanousd:
                low = middle
            else:
                high = middle - 1
        return low


class BudgetPolicy:
    """Reserve and settle, per key and window."""

    name = "budget"

    def __init__(
        self, ledger: Ledger, *, lease_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._ledger = ledger
        self._lease_s = lease_s
        self._clock = clock

    async def on_request(self, exchange: Exchange) -> Refusal | None:
        identity, target, request = exchange.identity, exchange.target, exchange.request
        if identity is None or target is None or request is None:
            raise LookupError("identify and routing must run before the budget")
        if identity.budget_nanousd is None:
            return None
        input_tokens = request.input_token_bound()
        if input_tokens is None:
            exchange.decide(self.name, "refused", "unbounded_input")
            return _UNBOUNDED
        estimate = _estimate(exchange, request, input_tokens)
        worst = estimate.cost(estimate.output_tokens) if estimate else None
        if estimate is None or worst is None:
            exchange.decide(self.name, "refused", "unpriced_model")
            return _unpriced(target, request.fallback_models)
        window = window_at(identity.budget_period, self._clock())
        least = estimate.cost(min(LEAST_OUTPUT_TOKENS, estimate.output_tokens)) or 0
        ask = Ask(
            _fresh_id(self._clock()),
            Account(f"key:{identity.key_id}", window.name),
            _line(exchange),
            identity.budget_nanousd,
            amount_nanousd=worst,
            minimum_nanousd=min(least, worst),
            lease_s=self._lease_s,
        )
        verdict = await self._hold(ask)
        if verdict is None:
            exchange.decide(self.name, "unavailable")
            return _UNAVAILABLE
        if isinstance(verdict, Denied):
            exchange.decide(self.name, "refused")
            return _exhausted(identity, window, verdict, needed=ask.minimum_nanousd)
        exchange.reservation_id = ask.reservation_id
        exchange.budget_remaining_nanousd = verdict.remaining_nanousd
        tokens = _affordable(estimate, verdict, ask)
        self._cap(exchange, request, tokens=tokens, wanted=estimate.output_tokens)
        return None

    def on_done(self, exchange: Exchange) -> None:
        if not exchange.attempts:
            if exchange.reservation_id:
                self._ledger.settle(Settlement(exchange.reservation_id))
            return
        reservation_id = exchange.reservation_id or _fresh_id(self._clock())
        line = _line(exchange)
        charge = line.cost_nanousd if exchange.reservation_id else 0
        self._ledger.settle(Settlement(reservation_id, charge, line))

    async def _hold(self, ask: Ask) -> Granted | Denied | None:
        """Return the ledger's verdict, None when it has none; leaves no hold when cancelled."""
        try:
            return await self._ledger.reserve(ask)
        except CancelledError:
            self._ledger.settle(Settlement(ask.reservation_id))  # the hold may have come about
            raise
        except LedgerDown:
            self._ledger.settle(Settlement(ask.reservation_id))  # the same
            return None

    def _cap(self, exchange: Exchange, request: WireRequest, *, tokens: int, wanted: int) -> None:
        """Never let an answer grow longer than what is held for it."""
        if tokens < wanted:
            exchange.decide(self.name, "capped", str(tokens))
        else:
            exchange.decide(self.name, "reserved")
        limit = request.output_token_limit()
        if limit is None or tokens < limit:
            request.cap_output_tokens(tokens)


def _affordable(estimate: Estimate, granted: Granted, ask: Ask) -> int:
    if granted.granted_nanousd >= ask.amount_nanousd:
        return estimate.output_tokens
    return estimate.output_tokens_within(granted.granted_nanousd)


def _estimate(exchange: Exchange, request: WireRequest, input_tokens: int) -> Estimate | None:
    prices = (exchange.price, *exchange.fallback_prices)
    known = tuple(price for price in prices if price is not None)
    if len(known) < len(prices):
        return None
    limit = request.output_token_limit()
    return Estimate(known, input_tokens, UNBOUNDED_OUTPUT_TOKENS if limit is None else limit)


def _line(exchange: Exchange) -> LedgerLine:
    identity = exchange.identity
    target = exchange.attempts[-1].target if exchange.attempts else exchange.target
    usage, cost = exchange.usage, exchange.cost_nanousd
    return LedgerLine(
        request_id=exchange.request_id,
        key_id=identity.key_id if identity else "",
        tenant_id=exchange.tenant_id,
        provider=target.provider if target else "",
        model=target.model if target else "",
        outcome=exchange.outcome,
        usage=usage if usage is None else _bounded(usage),
        cost_nanousd=cost if cost is None else _sane(cost),
    )


def _bounded(usage: Usage) -> Usage:
    """Keep what a provider claims within what the ledger's integers can hold."""
    return Usage(
        _sane(usage.input_tokens),
        _sane(usage.output_tokens),
        _sane(usage.cache_read_tokens),
        _sane(usage.cache_write_tokens),
        _sane(usage.reasoning_tokens),
        _sane(usage.input_audio_tokens),
        _sane(usage.output_audio_tokens),
        source=usage.source,
    )


def _sane(count: int) -> int:
    if 0 <= count <= LARGEST_NANOUSD:
        return count
    return 0 if count < 0 else LARGEST_NANOUSD


def _fresh_id(now_s: float) -> str:
    # Not from the kernel: asking it hands the interpreter to another thread; an id is no secret.
    return f"{int(now_s * 1e6):014x}{random.getrandbits(64):016x}"


def _usd(nanousd: int) -> str:
    return f"${nanousd / NANO_PER_USD:.4f}"


def _exhausted(identity: Identity, window: Window, denied: Denied, *, needed: int) -> Refusal:
    limit = identity.budget_nanousd or 0
    until = f"It starts anew at {window.ends_at:%Y-%m-%dT%H:%MZ}." if window.ends_at else ""
    in_use = denied.spent_nanousd + needed <= limit
    why = f" Another {_usd(denied.held_nanousd)} is held by open requests." if in_use else ""
    return Refusal(
        policy="budget",
        message=(
            f"The budget of this key ({_usd(limit)} per {identity.budget_period}) cannot pay this "
            f"request: {_usd(denied.spent_nanousd)} is spent.{why} {until}"
        ).rstrip(),
        status=429,
        kind="insufficient_quota",
        code="budget_in_use" if in_use else "insufficient_quota",
        retryable=in_use,
        retry_after_s=1 if in_use else None,
    )


def _unpriced(target: Target, fallbacks: tuple[str, ...]) -> Refusal:
    one = f"'{target.name}'"
    if fallbacks:
        one += f" or one of its fallbacks ({', '.join(name[:100] for name in fallbacks)})"
    return Refusal(
        policy="budget",
        message=(
            f"Nobody knows what {one} costs, so a key with a budget cannot use it. "
            "Use a priced model, or a key without a budget."
        ),
        status=400,
        code="unpriced_model",
        param="model",
    )


_UNBOUNDED = Refusal(
    policy="budget",
    message=(
        "Nobody can tell beforehand how many tokens a file, a video or an earlier answer's sound "
        "becomes, so a key with a budget cannot send one. Send text or images, or use a key "
        "without a budget."
    ),
    status=400,
    code="unbounded_input",
    param="messages",
)

_UNAVAILABLE = Refusal(
    policy="budget",
    message="The budget of this key cannot be checked at the moment.",
    status=503,
    kind="api_error",
    code="budget_unavailable",
    retryable=True,
    retry_after_s=1,
)
