"""The decision at the door: a password and an address in, a token or a reason out; no HTTP.

Asked by ``doorway`` for every request and by the page itself for every run.
"""

import threading
from dataclasses import dataclass, field

from tollkeeper_dashboard.door.attempts import Attempts
from tollkeeper_dashboard.door.password import Password, PasswordFile, PasswordUnusable
from tollkeeper_dashboard.door.sessions import Session, Sessions


@dataclass(frozen=True, slots=True)
class Welcome:
    """The password was right."""

    token: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """The password was wrong; ``wait_s`` seconds have to pass before the next attempt."""

    wait_s: int


@dataclass(frozen=True, slots=True)
class Locked:
    """Too many attempts: this one was not even looked at."""

    wait_s: int


@dataclass(frozen=True, slots=True)
class Shut:
    """Nobody can get in: there is no usable password."""

    reason: str


@dataclass(slots=True)
class Entrance:
    """The door's parts together."""

    password: PasswordFile
    attempts: Attempts
    sessions: Sessions
    _hashing: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, plain: str, address: str) -> Welcome | Wrong | Locked | Shut:
        """Try a password. Blocking: one hash takes a third of a second, one at a time.

        One at a time bounds the memory (128 MiB each) and makes guesses from many addresses slow.
        """
        with self._hashing:
            if wait_s := self.attempts.wait_s(address):
                return Locked(wait_s)
            try:
                password = self.password.current()
            except PasswordUnusable as failure:
                return Shut(str(failure))
            if not password.matches(plain):
                self.attempts.failed(address)
                return Wrong(self.attempts.wait_s(address))
            self.attempts.succeeded(address)
            return Welcome(self.sessions.open(password.fingerprint))

    def visitor(self, token: str) -> Session | None:
        """Return who a token belongs to, None for nobody."""
        if not token:
            return None
        try:
            password: Password = self.password.current()
        except PasswordUnusable:
            return None
        return self.sessions.find(token, password.fingerprint)

    def shut_because(self) -> str:
        """Say why nobody can get in; "" when somebody can."""
        try:
            self.password.current()
        except PasswordUnusable as failure:
            return str(failure)
        return ""
