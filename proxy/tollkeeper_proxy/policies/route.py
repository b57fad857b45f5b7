"""Finds where a request goes and what it will cost: model name to target, target to price.

It stands between the policies that edit text and those that need to know the target.
"""

from collections.abc import Callable
from typing import Protocol

from tollkeeper.keys import is_virtual
from tollkeeper.pricing import Price
from tollkeeper_proxy.exchange import Exchange, Refusal, Target
from tollkeeper_proxy.routing.router import Router
from tollkeeper_proxy.wire import Answer, WireRequest


class PriceTable(Protocol):
    """Looks up the price of a model at a provider; None when it is not known."""

    def __call__(self, provider: str, model: str, *, service_tier: str = "") -> Price | None: ...


class Route:
    """Sets ``exchange.target`` and its price, and its fallbacks' prices; refuses unknown models."""

    name = "route"

    def __init__(
        self,
        router: Router,
        *,
        price_of: PriceTable,
        draw: Callable[[], float],
    ) -> None:
        self._router = router
        self._price_of = price_of
        self._draw = draw

    async def on_request(self, exchange: Exchange) -> Refusal | Answer | None:
        request = exchange.request
        if request is None:
            return None
        target = self._router.resolve(request.model, self._draw())
        if isinstance(target, Refusal):
            return target
        exchange.target = target
        request.limit_field = self._router.providers[target.provider].limit_field
        exchange.price = self._price(request, target)
        exchange.fallback_prices = tuple(
            self._price(request, Target(target.provider, model))
            for model in request.fallback_models
        )
        return self._without_credential(exchange, target.provider)

    def on_done(self, exchange: Exchange) -> None:
        """Nothing to settle."""

    def _price(self, request: WireRequest, target: Target) -> Price | None:
        return self._price_of(target.provider, target.model, service_tier=request.service_tier)

    def _without_credential(self, exchange: Exchange, name: str) -> Refusal | None:
        provider = self._router.providers[name]
        brings_own = bool(exchange.caller.credential) and not is_virtual(exchange.caller.credential)
        if not brings_own or name == "demo" or provider.catalogued:
            return None
        return Refusal(
            policy=self.name,
            message=f"A provider's own key goes to catalogued providers only, not to '{name}'.",
            status=403,
            code="pass_through_refused",
        )
