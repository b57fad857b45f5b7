"""A process that spools numbered batches until it is killed. Argument: the folder."""

import sys
from itertools import count
from pathlib import Path

from tollkeeper_proxy.telemetry.spool import Spool

BODY_BYTES = 300_000


def body_of(number: int) -> bytes:
    """Return a body whose every eight bytes say which one it is."""
    return f"{number:08d}".encode() * (BODY_BYTES // 8)


if __name__ == "__main__":
    spool = Spool(Path(sys.argv[1]), limit_bytes=1 << 30)
    spool.open()
    for number in count():
        spool.put(body_of(number), span_count=1)
        if number == 3:
            sys.stdout.write("going\n")
            sys.stdout.flush()
