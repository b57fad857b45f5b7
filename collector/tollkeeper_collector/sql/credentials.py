"""A request in, an identity out: the places where ClickHouse's clients put a key.

A key comes as bearer token, as the password of Basic (any user name), in ``X-ClickHouse-Key`` or as
``password`` in the address. Whose it is, the doorkeeper of the other ports tells.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Protocol

from tollkeeper.keys import Identity
from tollkeeper_collector.errors import RetryLater, Unauthenticated
from tollkeeper_collector.sql.errors import KeyMissing, SqlError, unauthenticated


class Keys(Protocol):
    """Who knows whose key it is: ``tollkeeper_collector.identity.Doorkeeper``."""

    async def identify(self, credential: str) -> Identity:
        """Return whose it is; raise Unauthenticated or RetryLater."""
        ...


async def identify(keys: Keys, presented: str) -> Identity:
    """Return who it is; SqlError for a missing or unknown key or when nobody can tell."""
    if not presented:
        raise KeyMissing
    try:
        return await keys.identify(presented)
    except Unauthenticated as refusal:
        raise unauthenticated(str(refusal)) from refusal
    except RetryLater as failure:
        raise SqlError(999, "UNAVAILABLE", "keys cannot be checked now") from failure


def presented_key(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Return the key a request carries, from the first place that has one; "" when none has."""
    scheme, _, value = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        return _basic_password(value)
    return headers.get("X-ClickHouse-Key") or query.get("password") or ""


def _basic_password(value: str) -> str:
    try:
        return base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
