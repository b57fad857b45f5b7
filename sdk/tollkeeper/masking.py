"""Text in, the same text without anything that looks like a credential out.

A net for what slipped through, not a licence to log secrets. At most four characters of a
credential stay: enough to tell two apart, and all of them from its public prefix where it has one.
"""

import re
from typing import Final

KEPT_CHARACTERS: Final = 4
MASK: Final = "…***"

# Prefixes are those the vendors document; lengths are a little below the shortest keys seen.
CREDENTIAL: Final = re.compile(
    r"""
    (?<![A-Za-z0-9_-])
    (?:
        tk-[A-Za-z0-9_-]{8,}                            # ours
      | sk-(?:ant-|proj-|or-|lf-)?[A-Za-z0-9_-]{8,}     # OpenAI, Anthropic, OpenRouter, …
      | pk-lf-[A-Za-z0-9-]{8,}                          # Langfuse
      | (?:gsk|xai|hf|pplx|r8|fw|csk|nvapi)[_-][A-Za-z0-9_-]{16,}
      | AIza[A-Za-z0-9_-]{20,}                          # Google
      | ya29\.[A-Za-z0-9._-]{16,}
      | (?:AKIA|ASIA)[A-Z0-9]{12,}                      # AWS key ids
      | gh[pousr]_[A-Za-z0-9]{20,} | github_pat_[A-Za-z0-9_]{20,}
      | xox[abprs]-[A-Za-z0-9-]{10,}                    # Slack
      | eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?   # JWT
    )
    """,
    re.VERBOSE,
)
# What follows these words is a credential whatever it looks like.
SCHEME: Final = re.compile(
    r"(?i)\b(bearer\s+)([A-Za-z0-9._~+/=-]{6,})|\b(basic\s+)([A-Za-z0-9+/=]{16,})"
)
ASSIGNED: Final = re.compile(
    r"""(?ix)
    ( (?:api[_-]?key|x-goog-api-key|secret(?:_access_key)?|password|passwd|access[_-]?token
        |client[_-]?secret) ["']? \s* [=:] \s* ["']? )
    ( [^\s"'&,;}]{4,} )
    """
)
IN_URL: Final = re.compile(r"(://[^/\s:@]*:)([^/\s@]+)(@)")
PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)


def mask(text: str) -> str:
    """Return the text with credentials cut to at most four characters."""
    text = PRIVATE_KEY.sub(MASK, text)
    text = CREDENTIAL.sub(lambda match: match.group()[:KEPT_CHARACTERS] + MASK, text)
    text = SCHEME.sub(lambda match: (match.group(1) or match.group(3)) + MASK, text)
    text = ASSIGNED.sub(lambda match: match.group(1) + _cut(match.group(2)), text)
    return IN_URL.sub(lambda match: match.group(1) + MASK + match.group(3), text)


def _cut(secret: str) -> str:
    return secret if MASK in secret else MASK
