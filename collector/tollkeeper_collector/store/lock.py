"""Whether another process has an embedded store's folder open: one engine per folder.

The engine itself would refuse too, but by a page of its own on stderr. It locks ``status`` in the
folder and writes its process number into it (ClickHouse's StatusFile).
"""

import fcntl
import os
import re
from pathlib import Path
from typing import Final

PROCESS: Final = re.compile(r"PID: (\d+)")


def holder(folder: Path) -> int | None:
    """Return the process that has the folder open, None when nobody has or we have ourselves."""
    try:
        handle = os.open(folder / "status", os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        told = PROCESS.search(os.read(handle, 1000).decode("ascii", "replace"))
        other = int(told.group(1)) if told else 0
        return None if other == os.getpid() else other
    finally:
        os.close(handle)
    return None
