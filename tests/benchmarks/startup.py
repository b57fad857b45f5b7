"""How long the whole product takes from the command to ready, warm, and what it holds then."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.benchmarks.processes import family, memory
from tests.benchmarks.table import rendered, say, spread
from tests.equipment.stack import NotReady, Stack

STARTS: Final = 3


def measure(folder: Path) -> list[str]:
    """Return one table: the first start makes the data folder, the others find it."""
    stack = Stack(folder / "startup")
    taken = list(_starts(stack))
    rows = [["first, empty folder", f"{taken[0]:.2f}"], ["warm", spread(taken[1:], "{:.2f}")]]
    return [rendered("tollkeeper up to ready, seconds", ["", "seconds"], rows)]


def _starts(stack: Stack) -> Iterator[float]:
    stack.folder.mkdir(parents=True)
    for _ in range(STARTS + 1):
        started = time.monotonic()
        stack.launch()
        try:
            stack.wait_ready()
            yield time.monotonic() - started
            _print_memory(stack)
        finally:
            stack.stop()


def _print_memory(stack: Stack) -> None:
    if stack.process is None:
        raise NotReady("not started")
    held = memory(stack.process.pid)
    count = len(family(stack.process.pid))
    say(f"  {count} processes, RSS {held.rss / 1e6:,.0f} MB, PSS {held.pss / 1e6:,.0f} MB")
