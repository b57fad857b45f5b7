"""``python -m tests.benchmarks [NAME ...]``: tables on standard output; every part by default.

Every part says so and is left out when what it needs is not here; all of it ends by itself.
"""

import importlib
import importlib.util
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks import startup, streams, whole_answers, wrk
from tests.benchmarks.candidates import Candidate, candidates
from tests.benchmarks.servers import nginx_binary
from tests.benchmarks.table import rendered, say

GATEWAYS: Final = ("answers", "streams")
COMPONENTS: Final = ("ledger", "collector")
PARTS: Final = (*GATEWAYS, *COMPONENTS, "startup")
ENDS_WITHIN_S: Final = 360  # nobody waits longer for a table

Measure = Callable[[Sequence[Candidate], Path], list[str]]


def main(names: Sequence[str]) -> int:
    unknown = set(names) - set(PARTS)
    if unknown:
        say(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
        return 2
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(ENDS_WITHIN_S)
    chosen = names or PARTS
    started = time.monotonic()
    say(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; medians of interleaved rounds\n")
    with tempfile.TemporaryDirectory(prefix="tollkeeper-bench-") as folder:
        _gateways([name for name in GATEWAYS if name in chosen], Path(folder))
        for name in COMPONENTS:
            if name in chosen:
                _component(name)
        if "startup" in chosen:
            _show(startup.measure(Path(folder)))
    say(f"done in {time.monotonic() - started:.0f} s, load {os.getloadavg()[0]:.1f}")
    return 0


def _gateways(names: Sequence[str], folder: Path) -> None:
    if not names:
        return
    if nginx_binary() is None or not wrk.is_present():
        say(f"{', '.join(names)}: left out, nginx or wrk is not installed\n")
        return
    measures: dict[str, Measure] = {"answers": whole_answers.measure, "streams": streams.measure}
    with candidates(folder) as running:
        for name in names:
            _show(measures[name](running, folder))


def _component(name: str) -> None:
    """Run the benchmark of one component, which is written beside it and returns rows."""
    module = f"tests.benchmarks.{name}"
    if importlib.util.find_spec(module) is None:
        say(f"{name}: left out, there is no benchmark of it yet\n")
        return
    rows = importlib.import_module(module).run()
    columns = list(rows[0])
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    say(rendered(name, columns, cells))


def _cell(value: object) -> str:
    return f"{value:,.2f}".removesuffix(".00") if isinstance(value, float) else str(value)


def _show(tables: Iterable[str]) -> None:
    for table in tables:
        say(table)


def _too_long(_signal: int, _frame: object) -> None:
    raise SystemExit(f"stopped: not done within {ENDS_WITHIN_S} s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
