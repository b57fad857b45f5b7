"""Providers come from the file and from keys in the environment; a key is in one head only."""

import pytest
from pydantic import SecretStr

from tollkeeper_proxy.errors import CallerError
from tollkeeper_proxy.routing.catalog import CATALOGUE
from tollkeeper_proxy.routing.providers import (
    ProviderConfigError,
    build_provider,
    configured_providers,
)
from tollkeeper_proxy.settings import ProviderSettings
from tollkeeper_proxy.upstream import Origin

CANARY = "sk-canary-key"


def section(base_url: str = "http://127.0.0.1:8000/v1", key: str = "none") -> ProviderSettings:
    return ProviderSettings(base_url=base_url, api_key=SecretStr(key))


def nothing(name: str) -> str | None:
    return None


# Where they come from


def test_with_nothing_there_is_the_demo() -> None:
    assert list(configured_providers({}, nothing)) == ["demo"]


def test_a_key_in_the_environment_makes_its_provider_available() -> None:
    found = configured_providers({}, {"GROQ_API_KEY": CANARY}.get)
    assert set(found) == {"groq", "demo"}
    assert found["groq"].catalogued
    assert CANARY.encode() in found["groq"].call(b"").head


def test_a_section_completes_itself_from_the_catalogue() -> None:
    found = configured_providers({"openai": ProviderSettings()}, {"OPENAI_API_KEY": CANARY}.get)
    assert found["openai"].origin == Origin("https", "api.openai.com", 443)
    assert CANARY.encode() in found["openai"].head


def test_a_key_in_the_file_wins_over_one_in_the_environment() -> None:
    own = ProviderSettings(api_key=SecretStr("from-the-file"))
    found = configured_providers({"openai": own}, {"OPENAI_API_KEY": CANARY}.get)
    assert CANARY.encode() not in found["openai"].head
    assert b"from-the-file" in found["openai"].head


@pytest.mark.parametrize(
    "base_url",
    ["https://elsewhere.example/v1", "http://api.openai.com/v1", "https://api.openai.com/v2"],
)
def test_a_key_of_the_environment_goes_to_the_catalogued_place_only(base_url: str) -> None:
    moved = ProviderSettings(base_url=base_url)
    found = configured_providers({"openai": moved}, {"OPENAI_API_KEY": CANARY}.get)
    assert CANARY.encode() not in found["openai"].head
    assert not found["openai"].has_key


def test_a_key_named_in_the_file_goes_where_the_file_says() -> None:
    moved = section("https://elsewhere.example/v1", CANARY)
    found = configured_providers({"openai": moved}, nothing)
    assert CANARY.encode() in found["openai"].head


def test_a_section_that_repeats_the_catalogued_place_keeps_the_environments_key() -> None:
    same = ProviderSettings(base_url=CATALOGUE["openai"].base_url)
    found = configured_providers({"openai": same}, {"OPENAI_API_KEY": CANARY}.get)
    assert CANARY.encode() in found["openai"].head


def test_a_private_provider_needs_its_place() -> None:
    with pytest.raises(ProviderConfigError, match=r"providers\.lab .* base_url"):
        configured_providers({"lab": ProviderSettings()}, nothing)
    found = configured_providers({"lab": section()}, nothing)
    assert found["lab"].origin == Origin("http", "127.0.0.1", 8000)
    assert not found["lab"].catalogued


def test_the_demo_takes_no_settings() -> None:
    with pytest.raises(ProviderConfigError, match="built in"):
        configured_providers({"demo": section()}, nothing)


def test_an_overridden_place_is_not_the_catalogued_one() -> None:
    """A caller's own key goes to catalogued places only; this decides what is one."""
    found = configured_providers({"openai": section("https://elsewhere.example/v1")}, nothing)
    assert not found["openai"].catalogued


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_catalogued_place_makes_a_provider(name: str) -> None:
    provider = build_provider(name, section(CATALOGUE[name].base_url, CANARY))
    assert provider.catalogued
    assert provider.origin.scheme == "https"
    assert provider.chat_path.endswith("/chat/completions")


# What is written


def test_the_head_is_a_sound_request() -> None:
    provider = build_provider("lab", section("http://127.0.0.1:8000/v1/", CANARY))
    call = provider.call(b"{}")
    assert call.head == (
        b"POST /v1/chat/completions HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8000\r\n"
        b"User-Agent: tollkeeper\r\n"
        b"Accept: application/json, text/event-stream\r\n"
        b"Accept-Encoding: identity\r\n"
        b"Content-Type: application/json\r\n"
        b"Authorization: Bearer sk-canary-key\r\n"
        b"Content-Length: "
    )
    assert call.body == b"{}"


@pytest.mark.parametrize("key", ["none", ""])
def test_without_a_key_no_credential_is_sent(key: str) -> None:
    assert b"Authorization" not in build_provider("lab", section(key=key)).call(b"").head


def test_a_callers_own_key_takes_the_place_of_ours() -> None:
    provider = build_provider("openai", section(CATALOGUE["openai"].base_url, CANARY))
    head = provider.call(b"", credential="sk-theirs").head
    assert head.count(b"Authorization") == 1
    assert b"Authorization: Bearer sk-theirs\r\nContent-Length: " in head
    assert CANARY.encode() not in head


@pytest.mark.parametrize(
    "credential", ["a\r\nX-Evil: 1", "a b", "北京", "\udcff", "a\x00", "é", "\x7f"]
)
def test_a_credential_no_header_can_carry_is_refused(credential: str) -> None:
    provider = build_provider("openai", section(CATALOGUE["openai"].base_url, CANARY))
    with pytest.raises(CallerError) as error:
        provider.call(b"", credential=credential)
    assert error.value.refusal.status == 401
    assert credential not in error.value.refusal.message


def test_the_key_is_not_in_what_is_printed_or_reported() -> None:
    provider = build_provider("lab", section(key=CANARY))
    assert CANARY not in repr(provider.settings)
    assert provider.without_key(b"bad key sk-canary-key!") == b"bad key ***!"
    assert build_provider("lab", section()).without_key(b"none of it") == b"none of it"


# What cannot be one


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "127.0.0.1:8000",
        "ftp://host/v1",
        "http:///v1",
        "http://user@host/v1",
        "http://user:password@host/v1",
        "http://host/v1?key=1",
        "http://host/v1#x",
        "http://host:99999/v1",
        "http://host:port/v1",
        "http://[::1/v1",
        "http://host/a b",
        "http://ho st/v1",
        "http://höst/v1",
        "http://host/v1/é",
        "http://host/\x7f",
    ],
)
def test_a_place_that_is_none_is_named(base_url: str) -> None:
    with pytest.raises(ProviderConfigError, match=r"providers\.lab\.base_url"):
        build_provider("lab", section(base_url))


@pytest.mark.parametrize("key", ["a b", "a\r\nX: 1", "ключ", "\x00", "a\t"])
def test_a_key_no_header_can_carry_is_named_and_not_repeated(key: str) -> None:
    with pytest.raises(ProviderConfigError, match=r"providers\.lab\.api_key") as error:
        build_provider("lab", section(key=key))
    assert key not in str(error.value)


@pytest.mark.parametrize(
    ("base_url", "origin", "host"),
    [
        ("http://localhost", Origin("http", "localhost", 80), b"localhost"),
        ("https://h.example/v1", Origin("https", "h.example", 443), b"h.example"),
        ("https://h.example:8443", Origin("https", "h.example", 8443), b"h.example:8443"),
        ("http://[::1]:8000/v1", Origin("http", "::1", 8000), b"[::1]:8000"),
    ],
)
def test_origin_and_host_say_where(base_url: str, origin: Origin, host: bytes) -> None:
    provider = build_provider("lab", section(base_url))
    assert provider.origin == origin
    assert b"\r\nHost: " + host + b"\r\n" in provider.head
