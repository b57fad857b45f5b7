"""W3C baggage: the header's text in, the few members we read out, decoded.

Other members travel with a caller's requests for somebody else, and are neither kept nor passed on.
"""

import unicodedata
from typing import Final
from urllib.parse import unquote

KEYS: Final = frozenset({"session.id", "user.id"})  # OTel's names
# As the OTel SDKs bound it: a longer header is none, longer pairs and later ones are skipped.
MAX_CHARACTERS: Final = 8192
MAX_PAIR_CHARACTERS: Final = 4096
MAX_PAIRS: Final = 180


def members_of(header: str) -> dict[str, str]:
    """Return the members whose keys we know; of two with one key the later."""
    if len(header) > MAX_CHARACTERS:
        return {}
    found: dict[str, str] = {}
    for pair in header.split(",")[:MAX_PAIRS]:
        key, equals, value = pair.partition(";")[0].partition("=")
        key = key.strip()
        if equals and key in KEYS and len(pair) <= MAX_PAIR_CHARACTERS:
            found[key] = unicodedata.normalize("NFC", unquote(value.strip()))
    return found
