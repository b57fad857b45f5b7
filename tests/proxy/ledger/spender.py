"""A worker process that spends from a shared ledger until it is killed or told to stop.

Arguments: state file, worker name, seconds, coroutines, limit in nano-USD.
"""

import asyncio
import random
import sys
import time
from pathlib import Path

from tollkeeper_proxy.ledger.clerk import SqliteLedger
from tollkeeper_proxy.ledger.entries import (
    Account,
    Ask,
    Granted,
    LedgerDown,
    LedgerLine,
    Settlement,
)

ACCOUNT = Account("key:shared", "total")
LEASE_S = 60.0


async def spend(ledger: SqliteLedger, name: str, *, until_s: float, limit: int) -> None:
    chance = random.Random(name)
    line = LedgerLine(name, "shared", "t1", "demo", "echo", "complete")
    number = 0
    while time.monotonic() < until_s:
        number += 1
        reservation_id = f"{name}-{number}"
        amount = chance.randint(1, 1000)
        asked = Ask(reservation_id, ACCOUNT, line, limit, amount, amount // 2, LEASE_S)
        try:
            verdict = await ledger.reserve(asked)
        except LedgerDown:
            ledger.settle(Settlement(reservation_id))
            continue
        await asyncio.sleep(chance.choice([0, 0, 0.001, 0.01]))
        if isinstance(verdict, Granted):
            charge = chance.choice([0, 1, 1000])
            charge = min(charge, verdict.granted_nanousd)
            ledger.settle(Settlement(reservation_id, charge, line))


async def main(path: str, name: str, seconds: str, coroutines: str, limit: str) -> None:
    ledger = SqliteLedger(Path(path))
    await ledger.open()
    until_s = time.monotonic() + float(seconds)
    names = [f"{name}-{number}" for number in range(int(coroutines))]
    await asyncio.gather(*(spend(ledger, n, until_s=until_s, limit=int(limit)) for n in names))
    await ledger.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
