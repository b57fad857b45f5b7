"""A model's name leads to one target, or to a no that helps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tollkeeper_proxy.exchange import Refusal, Target
from tollkeeper_proxy.routing.providers import build_provider, configured_providers
from tollkeeper_proxy.routing.router import Router
from tollkeeper_proxy.settings import AliasSettings, AliasTarget, ProviderSettings

SECTIONS = {
    "openai": ProviderSettings(api_key=SecretStr("x")),
    "anthropic": ProviderSettings(api_key=SecretStr("x")),
    "lab": ProviderSettings(base_url="http://127.0.0.1/v1", models=("llama-3", "meta/llama-4")),
}
PROVIDERS = configured_providers(SECTIONS, lambda name: None)


def alias(*targets: tuple[str, float], strategy: str = "weighted") -> AliasSettings:
    return AliasSettings.model_validate(
        {"strategy": strategy, "targets": [AliasTarget(model=m, weight=w) for m, w in targets]}
    )


ROUTER = Router(
    PROVIDERS,
    {
        "fast": alias(("openai/gpt-4o-mini", 3), ("lab/llama-3", 1)),
        "first": alias(("lab/llama-3", 1), ("openai/gpt-4o", 9), strategy="ordered"),
        "openai/gpt-4": alias(("lab/llama-3", 1)),
    },
)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("openai/gpt-4o", Target("openai", "gpt-4o")),
        ("openai/anything-new", Target("openai", "anything-new")),
        ("lab/meta/llama-4", Target("lab", "meta/llama-4")),
        ("demo/echo", Target("demo", "echo")),
        ("gpt-4o", Target("openai", "gpt-4o")),
        ("o3", Target("openai", "o3")),
        ("o1-mini", Target("openai", "o1-mini")),
        ("claude-sonnet-4", Target("anthropic", "claude-sonnet-4")),
        ("llama-3", Target("lab", "llama-3")),
        ("meta/llama-4", Target("lab", "meta/llama-4")),
        ("first", Target("lab", "llama-3")),
        ("openai/gpt-4", Target("lab", "llama-3")),
    ],
)
def test_finds_the_target(name: str, target: Target) -> None:
    assert ROUTER.resolve(name, 0.5) == target


@pytest.mark.parametrize(
    "name",
    ["", "/", "openai/", "/gpt-4o", "gemini-2.0", "o", "o10x", "nobody/gpt-4o", "OPENAI/gpt-4o",
     "x" * 100_000, "\n", "mygpt-4o", "demo"],
)  # fmt: skip
def test_an_unknown_name_is_a_no_in_openais_words(name: str) -> None:
    refusal = ROUTER.resolve(name, 0.5)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code, refusal.param) == (404, "model_not_found", "model")
    assert not refusal.retryable
    assert len(refusal.message) < 600


def test_a_near_name_is_told() -> None:
    refusal = ROUTER.resolve("lab/lama-3x"[4:], 0.5)
    assert isinstance(refusal, Refusal)
    assert "lab/llama-3" in refusal.message
    mistyped = ROUTER.resolve("fasst", 0.5)
    assert isinstance(mistyped, Refusal)
    assert "Near: fast" in mistyped.message


@pytest.mark.parametrize(
    ("draw", "model"), [(0.0, "gpt-4o-mini"), (0.7499, "gpt-4o-mini"), (0.75, "llama-3"),
                        (0.9999999, "llama-3")]
)  # fmt: skip
def test_weights_share_the_draws(draw: float, model: str) -> None:
    found = ROUTER.resolve("fast", draw)
    assert isinstance(found, Target)
    assert found.model == model


@given(
    st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=8),
    st.floats(0, 1, exclude_max=True),
)
def test_every_draw_finds_a_target(weights: list[float], draw: float) -> None:
    targets = [(f"lab/m{i}", weight) for i, weight in enumerate(weights)]
    found = Router(PROVIDERS, {"a": alias(*targets)}).resolve("a", draw)
    assert isinstance(found, Target)
    assert found.provider == "lab"


def test_an_alias_that_leads_nowhere_is_told_at_the_start() -> None:
    router = Router(PROVIDERS, {"a": alias(("nobody/x", 1), ("lab/y", 1)), "b": alias(("gpt", 1))})
    assert router.broken_aliases() == [
        "models.a: no provider for target 'nobody/x'",
        "models.b: no provider for target 'gpt'",
    ]
    assert ROUTER.broken_aliases() == []
    assert isinstance(router.resolve("a", 0.0), Refusal)


def test_lists_aliases_then_models() -> None:
    listed = ROUTER.listed()
    assert listed[:3] == ["fast", "first", "openai/gpt-4"]
    assert "lab/llama-3" in listed
    assert "demo/echo" in listed
    assert all(isinstance(ROUTER.resolve(name, 0.5), Target) for name in listed)


def test_a_model_listed_by_a_provider_wins_over_a_catalogued_pattern() -> None:
    lab = build_provider(
        "lab", ProviderSettings(base_url="http://127.0.0.1/v1", models=("gpt-4o",))
    )
    router = Router({**PROVIDERS, "lab": lab}, {})
    assert router.resolve("gpt-4o", 0.5) == Target("lab", "gpt-4o")
