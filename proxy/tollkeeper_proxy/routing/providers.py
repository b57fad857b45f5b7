"""The providers of this installation: from the file, from keys in the environment, and ``demo``.

Each becomes a ``Provider``: an origin, a path, and the head of a request already written out, so
that nothing of it is computed per call. The key is in the head and nowhere else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from tollkeeper_proxy.errors import CallerError
from tollkeeper_proxy.exchange import Refusal
from tollkeeper_proxy.routing.catalog import CATALOGUE
from tollkeeper_proxy.settings import ProviderSettings
from tollkeeper_proxy.upstream import Origin, Timeouts, UpstreamCall

DEMO: Final = "demo"
NO_KEY: Final = "none"
_NEW_LIMIT: Final = frozenset({"openai", "azure"})  # whose newest models refuse max_tokens
_PORTS: Final = {"https": 443, "http": 80}


class ProviderConfigError(ValueError):
    """A provider's settings make no usable upstream; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider, ready to be called."""

    name: str
    telemetry_name: str
    origin: Origin
    chat_path: str
    settings: ProviderSettings
    catalogued: bool
    has_key: bool
    takes_stream_options: bool
    limit_field: str
    head: bytes  # up to where the Content-Length value is to be written
    head_without_key: bytes

    def without_key(self, body: bytes) -> bytes:
        """Return ``body`` with our key blanked out."""
        key = self.settings.api_key.get_secret_value()
        return body if key in {"", NO_KEY} else body.replace(key.encode("latin-1"), b"***")

    def call(self, body: bytes, *, credential: str = "") -> UpstreamCall:
        """Return the call for one chat completion; ``credential`` replaces our own key.

        Raises ``CallerError`` on a credential no header can carry.
        """
        head = self.head
        if credential:
            if not _fits_a_header(credential):
                raise CallerError(_UNUSABLE)
            line = f"Authorization: Bearer {credential}\r\n".encode("latin-1")
            head = self.head_without_key[: -len(_LENGTH)] + line + _LENGTH
        return UpstreamCall(
            origin=self.origin,
            head=head,
            body=body,
            timeouts=_timeouts(self.settings),
            max_connections=self.settings.max_connections,
        )


_LENGTH: Final = b"Content-Length: "
_UNUSABLE: Final = Refusal(
    "forward",
    "The credential has characters no header can carry.",
    status=401,
    kind="authentication_error",
    code="invalid_api_key",
)


def configured_providers(
    sections: Mapping[str, ProviderSettings], variable: Callable[[str], str | None]
) -> dict[str, Provider]:
    """Return every provider that can be called, by name.

    ``variable`` reads one environment variable; a catalogued provider whose key variable is set is
    available without any section.
    """
    found: dict[str, Provider] = {}
    for name, known in CATALOGUE.items():
        key = variable(known.key_variable)
        if key and name not in sections:
            section = ProviderSettings(base_url=known.base_url, api_key=SecretStr(key))
            found[name] = build_provider(name, section)
    for name, section in sections.items():
        found[name] = build_provider(name, _completed(name, section, variable))
    found[DEMO] = _demo()
    return found


def build_provider(name: str, section: ProviderSettings) -> Provider:
    """Return the provider of one complete section; raises ``ProviderConfigError``."""
    url, origin = _place(name, section.base_url)
    path = f"{url.path.rstrip('/')}/chat/completions"
    key = section.api_key.get_secret_value()
    if not _fits_a_header(key):
        raise ProviderConfigError(f"providers.{name}.api_key has characters no header can carry")
    bare = _head(path, url.netloc, key="")
    return Provider(
        name=name,
        telemetry_name=CATALOGUE[name].telemetry_name if name in CATALOGUE else name,
        origin=origin,
        chat_path=path,
        settings=section,
        catalogued=name in CATALOGUE and section.base_url == CATALOGUE[name].base_url,
        has_key=key not in {"", NO_KEY},
        takes_stream_options=name not in CATALOGUE or CATALOGUE[name].takes_stream_options,
        limit_field="max_completion_tokens" if name in _NEW_LIMIT else "max_tokens",
        head=_head(path, url.netloc, key="" if key == NO_KEY else key),
        head_without_key=bare,
    )


def _place(name: str, base_url: str) -> tuple[SplitResult, Origin]:
    try:
        url = urlsplit(base_url)
        port = url.port
    except ValueError:  # a port or an address that is none
        raise _no_place(name) from None
    strange = url.query or url.fragment or url.username or not _fits_a_header(base_url)
    if url.scheme not in _PORTS or not url.hostname or strange:
        raise _no_place(name)
    return url, Origin(url.scheme, url.hostname, port or _PORTS[url.scheme])


def _no_place(name: str) -> ProviderConfigError:
    return ProviderConfigError(f"providers.{name}.base_url must look like https://host[:port]/path")


def _fits_a_header(text: str) -> bool:
    """Tell whether a text is visible ASCII, without spaces."""
    return all(0x21 <= ord(c) <= 0x7E for c in text)


def _completed(
    name: str, section: ProviderSettings, variable: Callable[[str], str | None]
) -> ProviderSettings:
    known = CATALOGUE.get(name)
    if known is None:
        if name == DEMO:
            raise ProviderConfigError("providers.demo is built in and takes no settings")
        if not section.base_url:
            raise ProviderConfigError(
                f"providers.{name} is not in the catalogue; give it a base_url and a dialect"
            )
        return section
    changes: dict[str, object] = {}
    if not section.base_url:
        changes["base_url"] = known.base_url
    # A key that nobody named in the file goes where its provider is, and nowhere else.
    at_home = section.base_url in {"", known.base_url}
    takes_key = at_home and "api_key" not in section.model_fields_set
    if takes_key and (key := variable(known.key_variable)):
        changes["api_key"] = SecretStr(key)
    return section.model_copy(update=changes)


def _head(path: str, host: str, *, key: str) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: tollkeeper",
        "Accept: application/json, text/event-stream",
        "Accept-Encoding: identity",
        "Content-Type: application/json",
    ]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n" + _LENGTH


def _timeouts(section: ProviderSettings) -> Timeouts:
    return Timeouts(
        connect_s=section.connect_timeout_s,
        first_byte_s=section.first_byte_timeout_s,
        idle_s=section.idle_timeout_s,
        total_s=section.total_timeout_s,
    )


def _demo() -> Provider:
    section = ProviderSettings(
        base_url="http://demo.invalid/v1", models=("echo", "slow", "fail", "tools")
    )
    return replace(build_provider(DEMO, section), telemetry_name=DEMO, has_key=True)
