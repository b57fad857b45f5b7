"""The budget's ceiling with several worker processes on one file, some of them killed."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tollkeeper_proxy.ledger import tables, transaction

SPENDER = Path(__file__).with_name("spender.py")
LIMIT = 500_000
WORKERS, COROUTINES, SECONDS = 3, 100, 8.0


def start(path: Path, name: str, seconds: float) -> subprocess.Popen[bytes]:
    arguments = [str(path), name, str(seconds), str(COROUTINES), str(LIMIT)]
    return subprocess.Popen([sys.executable, str(SPENDER), *arguments])


def sample(reader: sqlite3.Connection) -> tuple[int, int]:
    row = reader.execute("SELECT spent_nanousd, held_nanousd FROM budget_accounts").fetchone()
    return row or (0, 0)


def spend_with_kills(path: Path, watch: Callable[[], None]) -> int:
    """Run the workers, killing and replacing one now and then; return how many were killed."""
    chance = random.Random(7)
    ends_s = time.monotonic() + SECONDS
    workers = [start(path, f"w{n}", SECONDS) for n in range(WORKERS)]
    kills, kill_at_s = 0, time.monotonic() + 1.5
    try:
        while time.monotonic() < ends_s:
            watch()
            if time.monotonic() >= kill_at_s:
                victim = workers.pop(chance.randrange(WORKERS))
                os.kill(victim.pid, signal.SIGKILL)
                victim.wait()
                kills += 1
                workers.append(start(path, f"k{kills}", max(0.1, ends_s - time.monotonic())))
                kill_at_s = time.monotonic() + chance.uniform(0.6, 1.2)
        codes = [worker.wait(timeout=60) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert codes == [0] * WORKERS
    return kills


def test_spent_and_held_never_pass_the_limit_whoever_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    tables.connect(path).close()
    reader = sqlite3.connect(path, isolation_level=None)
    seen: list[int] = []

    def watch() -> None:
        spent, held = sample(reader)
        seen.append(spent + held)
        assert spent + held <= LIMIT
        assert held >= 0

    kills = spend_with_kills(path, watch)
    spent, held = sample(reader)
    (charged,) = reader.execute("SELECT sum(charged_nanousd) FROM ledger_lines").fetchone()
    (booked,) = reader.execute("SELECT count(*) FROM ledger_lines").fetchone()
    (held_by_row,) = reader.execute(
        "SELECT coalesce(sum(amount_nanousd), 0) FROM budget_holds WHERE expired = 0"
    ).fetchone()
    reader.close()
    assert kills >= 3
    assert booked > 1000
    assert len(seen) > 1000
    assert charged == spent, "every charge has its line, and every line its charge"
    assert held_by_row == held
    assert max(seen) > 0.95 * LIMIT, "the budget is there to be used"


def test_holds_of_a_killed_worker_are_given_back_when_their_lease_ends(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    worker = start(path, "w", 30.0)
    reader = None
    for _ in range(600):
        time.sleep(0.05)
        if path.exists():
            reader = reader or sqlite3.connect(path, isolation_level=None)
            reader.execute("PRAGMA busy_timeout = 5000")
            table = reader.execute("SELECT 1 FROM sqlite_master WHERE name = 'ledger_lines'")
            if table.fetchone() and sample(reader)[1] > 0:
                break
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert reader is not None
    spent, held = sample(reader)
    connection = tables.connect(path)
    transaction.reap(connection, time.time() + 10_000)
    assert held > 0
    assert sample(reader) == (spent, 0)
    connection.close()
    reader.close()
