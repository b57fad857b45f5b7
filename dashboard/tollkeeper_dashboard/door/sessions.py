"""Open sign-ins: a token goes to the browser, its digest stays here until it expires.

Bound to the password they were opened with. Used by the server's loop and by page threads, hence
the lock. A restart ends them all.
"""

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MAX_SESSIONS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in; ``id`` names it in logs and cannot be turned into the token."""

    id: str
    password: str
    until_s: float


class Sessions:
    """All sign-ins of this process."""

    def __init__(self, now_s: Callable[[], float], lifetime_s: float) -> None:
        self._now_s, self._lifetime_s = now_s, lifetime_s
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, password: str) -> str:
        """Open a session for who knew the password of this fingerprint; return its token."""
        token = secrets.token_urlsafe(32)
        digest = _digest(token)
        with self._lock:
            self._open[digest] = Session(digest[:8], password, self._now_s() + self._lifetime_s)
            while len(self._open) > MAX_SESSIONS:
                self._open.popitem(last=False)
        return token

    def find(self, token: str, password: str) -> Session | None:
        """Return the session a token opens, None when it is over or the password changed."""
        if not token:
            return None
        digest = _digest(token)
        with self._lock:
            session = self._open.get(digest)
            if session is None:
                return None
            if session.until_s > self._now_s() and session.password == password:
                return session
            del self._open[digest]
            return None

    def close(self, token: str) -> None:
        """End a session; an unknown token is fine."""
        with self._lock:
            self._open.pop(_digest(token), None)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
