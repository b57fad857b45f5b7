"""The catalogue names real places, one key each, and no bare name twice."""

import re

import pytest

from tollkeeper_proxy.routing.catalog import CATALOGUE


def test_every_place_is_reached_by_tls_and_ends_without_a_slash() -> None:
    for known in CATALOGUE.values():
        assert re.fullmatch(r"https://[a-z0-9.]+(/[a-z0-9/]+)?", known.base_url), known.name


def test_every_provider_has_a_key_of_its_own() -> None:
    assert len({known.key_variable for known in CATALOGUE.values()}) == len(CATALOGUE)


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o-mini", "openai"),
        ("chatgpt-4o-latest", "openai"),
        ("o4-mini", "openai"),
        ("claude-3-5-haiku-latest", "anthropic"),
        ("gemini-2.5-flash", "gemini"),
        ("mistral-small-latest", "mistral"),
        ("codestral-latest", "mistral"),
        ("deepseek-chat", "deepseek"),
        ("grok-3", "xai"),
        ("sonar-pro", "perplexity"),
        ("command-r-plus", "cohere"),
        ("glm-4.6", "zai"),
        ("kimi-k2", "moonshot"),
    ],
)
def test_a_bare_name_belongs_to_one_provider(model: str, provider: str) -> None:
    owners = [k.name for k in CATALOGUE.values() if k.bare_names and k.bare_names.match(model)]
    assert owners == [provider]
