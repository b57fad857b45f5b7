"""What a virtual key looks like, and the one thing of it that is ever stored: its digest.

A key is ``tk-`` and 43 URL-safe characters (32 random bytes). A random 256-bit secret needs no
salt and no slow hash: there is nothing to guess, so SHA-256 is the lookup key itself.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final, Literal

PREFIX: Final = "tk-"
SHOWN_CHARACTERS: Final = len(PREFIX) + 6  # enough to find a key in a list, too little to use it

Role = Literal["member", "viewer", "admin", "system"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is calling: what a credential turned out to mean.

    ``role`` is ``system`` only for our own components, which may speak for any tenant.
    """

    key_id: str
    key_name: str
    tenant_id: str
    role: Role = "member"
    budget_nanousd: int | None = None
    budget_period: str = "month"


def mint() -> str:
    """Return a new key, shown once and never stored."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """Return the SHA-256 of a presented credential, in hex; every token is hashed before use."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def shown(key: str) -> str:
    """Return the part of a key that lists and logs may show."""
    return key[:SHOWN_CHARACTERS]


def is_virtual(credential: str) -> bool:
    """Tell whether a credential claims to be one of ours rather than a provider's."""
    return credential.startswith(PREFIX)
