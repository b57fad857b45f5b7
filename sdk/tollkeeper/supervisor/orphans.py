"""Children do not outlive a supervisor that was killed: the kernel asks them to end.

Linux only (prctl); elsewhere a killed supervisor leaves its children, and the lock they hold keeps
a second run away until they are gone.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def ends_with_parent() -> Callable[[], None]:
    """Return what the child runs between fork and exec; to be called in the parent."""
    parent = os.getpid()

    def prepare() -> None:
        if LIBC is not None:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() != parent:  # it was killed before we asked
                os._exit(1)

    return prepare
