"""What a request's headers say of its caller and its trace: ours, the standards', and foreign ones.

Headers of other gateways are read as aliases, so that moving here needs only a new base URL.
No header ever chooses where telemetry or credentials go.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import orjson

from tollkeeper_proxy.exchange import Caller, Trace
from tollkeeper_proxy.server.baggage import members_of

MAX_VALUE_CHARACTERS: Final = 256  # as for baggage values we accept
MAX_TAGS: Final = 32
MAX_METADATA: Final = 32

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_PROPERTY: Final = "helicone-property-"


def trace_of(headers: Mapping[str, str]) -> Trace:
    """Return this request's place in the caller's trace, or in a new one (W3C trace context)."""
    own = _hex(64)
    match = _TRACEPARENT.fullmatch(headers.get("traceparent", "").strip())
    if match is None or sum(n.lower() == "traceparent" for n, _ in headers.items()) > 1:
        return Trace(_hex(128), own)
    version, trace_id, parent, flags, more = match.groups()
    if (
        version == "ff"
        or (version == "00" and more)
        or not int(trace_id, 16)
        or not int(parent, 16)
    ):
        return Trace(_hex(128), own)
    return Trace(trace_id, own, parent_span_id=parent, sampled=bool(int(flags, 16) & 1))


def caller_of(headers: Mapping[str, str]) -> Caller:
    """Return who the caller says it is; headers of ours and of gateways win over baggage."""
    carried = _baggage(headers)
    user = _first(headers, "x-tollkeeper-user", "helicone-user-id")
    session = _first(
        headers,
        "x-tollkeeper-session",
        "helicone-session-id",
        "x-litellm-trace-id",
        "x-portkey-trace-id",
    )
    return Caller(
        credential=_credential(headers),
        user=user or _clean(carried.get("user.id", "")),
        session=session or _clean(carried.get("session.id", "")),
        tags=_tags(_first(headers, "x-tollkeeper-tags", "x-litellm-tags", limit=4096)),
        metadata=_metadata(headers),
        cache=_first(headers, "x-tollkeeper-cache").lower(),
    )


def with_user(caller: Caller, said: object) -> Caller:
    """Return the caller with the body's word for its user, which counts where no header has one."""
    if caller.user or not isinstance(said, str):
        return caller
    return replace(caller, user=_clean(said))


def _baggage(headers: Mapping[str, str]) -> Mapping[str, str]:
    if "baggage" not in headers:
        return _NOTHING
    return members_of(",".join(v for name, v in headers.items() if name.lower() == "baggage"))


def _credential(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if token and scheme.lower() == "bearer":
        return token.strip()
    for name in ("x-api-key", "api-key", "x-goog-api-key"):
        if value := headers.get(name):
            return value.strip()
    return ""


def _first(headers: Mapping[str, str], *names: str, limit: int = MAX_VALUE_CHARACTERS) -> str:
    for name in names:
        if value := headers.get(name):
            return _clean(value, limit)
    return ""


def _clean(value: str, limit: int = MAX_VALUE_CHARACTERS) -> str:
    return "".join(c for c in value[:limit] if c.isprintable()).strip()


def _tags(value: str) -> tuple[str, ...]:
    if not value:
        return ()
    tags = (tag.strip()[:MAX_VALUE_CHARACTERS] for tag in value.split(","))
    return tuple(tag for tag in tags if tag)[:MAX_TAGS]


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers.items():
        if len(name) > len(_PROPERTY) and name.lower().startswith(_PROPERTY):
            found[_clean(name[len(_PROPERTY) :].lower(), 64)] = _clean(value)
    text = headers.get("x-tollkeeper-metadata") or headers.get("x-portkey-metadata")
    if text and len(text) <= 8192:
        found.update(_json_metadata(text))
    return dict(list(found.items())[:MAX_METADATA])


def _json_metadata(text: str) -> dict[str, str]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(document, dict):
        return {}
    return {_clean(k, 64): _clean(_plain(v)) for k, v in document.items()}


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # nested deeper than orjson writes
        return ""


def _hex(bits: int) -> str:
    return f"{random.getrandbits(bits) or 1:0{bits // 4}x}"
