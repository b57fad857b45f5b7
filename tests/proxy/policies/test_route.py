"""The route policy finds target and price, and keeps callers' own keys to known places."""

import pytest
from pydantic import SecretStr
from tests.proxy.exchanges import chat, exchange

from tollkeeper.pricing import price_of
from tollkeeper_proxy.exchange import Caller, Exchange, Refusal, Target
from tollkeeper_proxy.policies.route import Route
from tollkeeper_proxy.routing.providers import configured_providers
from tollkeeper_proxy.routing.router import Router
from tollkeeper_proxy.settings import AliasSettings, AliasTarget, ProviderSettings

SECTIONS = {
    "openai": ProviderSettings(api_key=SecretStr("x")),
    "mistral": ProviderSettings(api_key=SecretStr("x")),
    "lab": ProviderSettings(base_url="http://127.0.0.1/v1"),
}
ALIASES = {
    "two": AliasSettings(
        strategy="weighted",
        targets=(AliasTarget(model="openai/gpt-4o"), AliasTarget(model="lab/llama")),
    )
}


def policy(draw: float = 0.0) -> Route:
    providers = configured_providers(SECTIONS, lambda name: None)
    return Route(Router(providers, ALIASES), price_of=price_of, draw=lambda: draw)


def asked(model: str, credential: str = "tk-key", **fields: object) -> Exchange:
    opened = exchange(chat("hi", model=model, **fields), caller=Caller(credential=credential))
    opened.target = opened.price = None
    return opened


async def test_sets_target_and_price() -> None:
    opened = asked("openai/gpt-4o-mini")
    assert await policy().on_request(opened) is None
    assert opened.target == Target("openai", "gpt-4o-mini")
    assert opened.price == price_of("openai", "gpt-4o-mini")
    assert opened.price is not None


async def test_the_draw_decides_between_targets() -> None:
    for draw, target in ((0.1, Target("openai", "gpt-4o")), (0.9, Target("lab", "llama"))):
        opened = asked("two")
        assert await policy(draw).on_request(opened) is None
        assert opened.target == target


async def test_the_models_to_fall_back_to_are_priced_as_the_same_providers() -> None:
    opened = asked("openai/gpt-4o-mini", models=["gpt-4o", "nobody-knows-this"])
    assert await policy().on_request(opened) is None
    assert opened.fallback_prices == (price_of("openai", "gpt-4o"), None)


async def test_an_unknown_model_is_refused_and_priced_not_at_all() -> None:
    opened = asked("nobody/x")
    refusal = await policy().on_request(opened)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 404
    assert (opened.target, opened.price) == (None, None)


async def test_an_unpriced_model_has_no_price() -> None:
    opened = asked("lab/llama")
    assert await policy().on_request(opened) is None
    assert opened.price is None


@pytest.mark.parametrize(
    ("model", "field"),
    [("openai/gpt-4o", "max_completion_tokens"), ("mistral/x", "max_tokens"),
     ("lab/x", "max_tokens")],
)  # fmt: skip
async def test_a_limit_is_named_as_the_target_names_it(model: str, field: str) -> None:
    opened = asked(model)
    await policy().on_request(opened)
    assert opened.request is not None
    assert opened.request.limit_field == field


@pytest.mark.parametrize(
    ("model", "credential", "passes"),
    [
        ("openai/gpt-4o", "sk-own", True),
        ("demo/echo", "sk-own", True),
        ("lab/llama", "sk-own", False),
        ("lab/llama", "tk-virtual", True),
        ("lab/llama", "", True),
    ],
)
async def test_a_callers_own_key_goes_to_catalogued_places_only(
    model: str, credential: str, passes: bool
) -> None:
    refusal = await policy().on_request(asked(model, credential))
    assert (refusal is None) == passes
    if isinstance(refusal, Refusal):
        assert (refusal.status, refusal.code) == (403, "pass_through_refused")
