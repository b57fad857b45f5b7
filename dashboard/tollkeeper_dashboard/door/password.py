"""The dashboard's one password, known here only by its scrypt hash.

The file holds ``{"salt", "n", "r", "p", "hash"}`` (salt and hash in hex). It may be replaced while
the dashboard runs: the new one counts from the next sign-in, and old sessions end.
"""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

# OWASP's first recommendation for scrypt (2024): 128 MiB and about 0.3 s per guess.
COST_N: Final = 2**17
COST_R: Final = 8
COST_P: Final = 1
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
LONGEST_CHARACTERS: Final = 1_024  # of a presented password; hashing more is a way to keep us busy
SHORTEST_PLAIN: Final = 12  # of a password somebody put into a file


class PasswordUnusable(Exception):
    """There is no password that could be compared; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Password:
    """A password's hash with its salt and costs."""

    salt: bytes
    n: int
    r: int
    p: int
    digest: bytes

    @classmethod
    def of(cls, plain: str, *, n: int = COST_N) -> Self:
        """Hash a password with a new salt."""
        salt = secrets.token_bytes(SALT_BYTES)
        return cls(salt, n, COST_R, COST_P, _scrypt(plain, salt, n, COST_R, COST_P, HASH_BYTES))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the password a file holds; raises PasswordUnusable."""
        try:
            text = path.read_text()
        except FileNotFoundError:
            raise PasswordUnusable("there is no password yet") from None
        except (OSError, UnicodeDecodeError):
            raise PasswordUnusable("the password file cannot be read") from None
        return cls.parsed(text)

    @classmethod
    def parsed(cls, text: str) -> Self:
        """Return what the text of a password file says; raises PasswordUnusable."""
        try:
            fields = json.loads(text)
            return cls(
                bytes.fromhex(fields["salt"]),
                int(fields["n"]),
                int(fields["r"]),
                int(fields["p"]),
                bytes.fromhex(fields["hash"]),
            )
        except (ValueError, TypeError, KeyError):
            raise PasswordUnusable("the password file is damaged") from None

    def matches(self, plain: str) -> bool:
        """Compare in constant time; takes as long for a wrong password as for the right one."""
        if len(plain) > LONGEST_CHARACTERS or not self.digest:
            return False
        found = _scrypt(plain, self.salt, self.n, self.r, self.p, len(self.digest))
        return hmac.compare_digest(found, self.digest)

    def text(self) -> str:
        """Return the content of a password file."""
        fields = {"salt": self.salt.hex(), "n": self.n, "r": self.r, "p": self.p}
        return json.dumps({**fields, "hash": self.digest.hex()})

    @property
    def fingerprint(self) -> str:
        """Return what tells this password from another: sessions are bound to it."""
        return hashlib.sha256(self.digest + self.salt).hexdigest()


@dataclass(slots=True)
class PasswordFile:
    """A file that holds the hash, or, where ``plain`` is allowed, the password itself.

    Plain is for a container's secret, which is a file with the password in it. It is hashed when
    it is first read and again when it changes.
    """

    path: Path
    plain_allowed: bool = False
    _hashed: tuple[str, Password] | None = None

    def current(self) -> Password:
        """Return the password of this moment; raises PasswordUnusable."""
        try:
            return Password.read(self.path)
        except PasswordUnusable:
            if not self.plain_allowed or not self.path.is_file():
                raise
        return self._plain(self.path.read_text().strip())

    def _plain(self, plain: str) -> Password:
        if len(plain) < SHORTEST_PLAIN:
            raise PasswordUnusable(f"the password is shorter than {SHORTEST_PLAIN} characters")
        if self._hashed is None or self._hashed[0] != plain:
            self._hashed = (plain, Password.of(plain))
        return self._hashed[1]


def _scrypt(plain: str, salt: bytes, n: int, r: int, p: int, length: int) -> bytes:
    return hashlib.scrypt(
        plain.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=n,
        r=r,
        p=p,
        dklen=length,
        maxmem=128 * r * (n + p + 2) + 2**20,  # what the algorithm needs, and a little
    )
