"""What a reservation costs: operations per second and added latency, by concurrent callers.

One process, one budget, a reserve and a settle with its ledger line per operation. ``run`` returns
rows of figures; it asserts nothing.
"""

import asyncio
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles

import uvloop

from tollkeeper.pricing import Usage
from tollkeeper_proxy.ledger.clerk import SqliteLedger
from tollkeeper_proxy.ledger.entries import Account, Ask, LedgerLine, Settlement

OPERATIONS = 20_000
ACCOUNT = Account("key:bench", "total")


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement."""

    callers: int
    operations_per_s: float
    p50_us: float
    p99_us: float
    cpu_us_per_operation: float


async def _caller(ledger: SqliteLedger, name: int, count: int, waits_s: list[float]) -> None:
    line = LedgerLine("", "bench", "t", "demo", "echo", "complete", Usage(10, 20), 700)
    for number in range(count):
        reservation_id = f"{name}-{number}"
        began_s = time.perf_counter()
        await ledger.reserve(Ask(reservation_id, ACCOUNT, line, 10**15, 1000, 1, 60.0))
        waits_s.append(time.perf_counter() - began_s)
        ledger.settle(Settlement(reservation_id, 700, line))


async def _measure(folder: Path, callers: int) -> Row:
    ledger = SqliteLedger(folder / f"state-{callers}.db")
    await ledger.open()
    waits_s: list[float] = []
    began_s, cpu_s = time.perf_counter(), time.process_time()
    share = OPERATIONS // callers
    await asyncio.gather(*(_caller(ledger, n, share, waits_s) for n in range(callers)))
    await ledger.close()
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    cuts = quantiles(waits_s, n=100)
    return Row(
        callers, len(waits_s) / took_s, cuts[49] * 1e6, cuts[98] * 1e6, cpu_s / len(waits_s) * 1e6
    )


def run() -> list[dict[str, float]]:
    """Return one row per number of concurrent callers."""
    with tempfile.TemporaryDirectory() as folder:
        return [asdict(uvloop.run(_measure(Path(folder), callers))) for callers in (1, 8, 32, 128)]


if __name__ == "__main__":
    for row in run():
        print(row)  # noqa: T201 - a benchmark's output
