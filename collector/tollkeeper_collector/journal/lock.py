"""One collector per journal folder: the lock that says so, held as long as the process lives."""

import fcntl
import os
from pathlib import Path

from tollkeeper.errors import UseError


class JournalLocked(UseError):
    """Another process has the folder open."""


def hold(folder: Path) -> int:
    """Return the descriptor that holds the folder's lock; the system lets go of it at exit."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise JournalLocked(f"another collector is using {folder}") from None
    return descriptor
