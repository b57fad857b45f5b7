"""What a data folder gets the first time: a dashboard password and a key, each shown once."""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tollkeeper.control import KeyStore
from tollkeeper.errors import UseError
from tollkeeper.supervisor.folder import write_secret

KEY_NAME: Final = "first-run"
PASSWORD_FILE: Final = "dashboard.password"
SHORTEST_PASSWORD: Final = 12
GENERATED_BYTES: Final = 15  # 120 bits, 20 characters
# OWASP's first recommendation for scrypt (2024): 128 MiB and about 0.3 s a guess.
COST_N: Final = 2**17
COST_R: Final = 8
COST_P: Final = 1
HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is shown once; empty where the folder had it already."""

    password: str = ""
    key: str = ""


def prepare(data: Path, control_url: str, *, wanted_password: str | None) -> Secrets:
    """Make what is missing; a wanted password replaces the one there is.

    The control store must have been migrated.
    """
    return Secrets(_password(data / PASSWORD_FILE, wanted_password), _key(control_url))


def check(wanted_password: str | None) -> None:
    """Refuse a password that is too short to protect anything."""
    if wanted_password is not None and len(wanted_password) < SHORTEST_PASSWORD:
        raise UseError(
            f"TOLLKEEPER_DASHBOARD_PASSWORD: expected {SHORTEST_PASSWORD} characters or more"
        )


def _key(control_url: str) -> str:
    store = KeyStore(control_url)
    try:
        return "" if store.list() else store.create(KEY_NAME)[0]
    finally:
        store.close()


def _password(file: Path, wanted: str | None) -> str:
    """Return a new password to show; nothing when there is one, or the owner chose it."""
    if wanted is not None:
        check(wanted)
        if not file.exists() or not matches(file.read_text(), wanted):
            write_secret(file, hashed(wanted))
        return ""
    if file.exists():
        return ""
    password = secrets.token_urlsafe(GENERATED_BYTES)
    write_secret(file, hashed(password))
    return password


def hashed(password: str) -> str:
    """Return the content of a password file: salt, costs and hash, as JSON."""
    salt = secrets.token_bytes(16)
    found = _scrypt(password, salt, COST_N, COST_R, COST_P)
    costs = {"n": COST_N, "r": COST_R, "p": COST_P}
    return json.dumps({"salt": salt.hex(), **costs, "hash": found.hex()})


def matches(content: str, password: str) -> bool:
    """Tell whether a password file is of this password; a damaged one is of none."""
    try:
        fields = json.loads(content)
        salt, expected = bytes.fromhex(fields["salt"]), bytes.fromhex(fields["hash"])
        found = _scrypt(password, salt, int(fields["n"]), int(fields["r"]), int(fields["p"]))
    except (ValueError, TypeError, KeyError):
        return False
    return hmac.compare_digest(found, expected)


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=n,
        r=r,
        p=p,
        dklen=HASH_BYTES,
        maxmem=128 * r * (n + p + 2) + 2**20,  # what the algorithm needs, and a little
    )
