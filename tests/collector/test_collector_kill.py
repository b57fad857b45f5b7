"""What was acknowledged is in the store exactly once, however often the process is killed."""

import random
import threading
import time
from pathlib import Path

from tests.collector.collector_process import CollectorProcess
from tests.collector.records import trace_body

KILLS = 5
SENDERS = 3
SPANS = 7


class Sender(threading.Thread):
    """Sends numbered spans, each body again and again until it is acknowledged."""

    def __init__(self, collector: CollectorProcess, key: str, first: int) -> None:
        super().__init__()
        self._collector, self._key, self._next = collector, key, first
        self.acknowledged: list[int] = []
        self.under_way: range = range(0)
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.is_set():
            self.under_way = range(self._next, self._next + SPANS)
            self._next += SPANS
            body = trace_body(*self.under_way)
            while not self._accepted(body):
                if self.done.wait(0.02):
                    return
            self.acknowledged += self.under_way
            self.under_way = range(0)

    def _accepted(self, body: bytes) -> bool:
        try:
            status, _ = self._collector.post("/v1/traces", body, self._key)
        except OSError:
            return False
        assert status in (200, 429, 503)
        return status == 200


def test_every_acknowledged_span_is_stored_once_after_any_kill(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    collector = CollectorProcess(tmp_path, {"collector": {"gather_s": 0.05, "block_rows": 500}})
    key = collector.key()
    collector.start()
    senders = [Sender(collector, key, 1 + n * 10**9) for n in range(SENDERS)]
    for sender in senders:
        sender.start()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.1, 0.9))
        collector.kill()
        collector.start()
    time.sleep(0.5)
    for sender in senders:
        sender.done.set()
        sender.join(30)
    ledger = collector.wait_stored()
    rows = collector.sql("SELECT SpanId, count() FROM otel.otel_traces GROUP BY SpanId", key)
    stored = {int(span_id, 16): int(count) for span_id, count in rows}
    acknowledged = {number for sender in senders for number in sender.acknowledged}
    in_doubt = {number for sender in senders for number in sender.under_way}
    assert len(acknowledged) > 100, f"seed {seed}"
    assert acknowledged <= stored.keys(), f"seed {seed}"
    assert stored.keys() <= acknowledged | in_doubt
    assert {number: count for number, count in stored.items() if count != 1} == {}
    known = sum(ledger.get(name, 0) for name in ("stored", "waiting", "quarantined", "dropped"))
    assert ledger.get("accepted", 0) + ledger.get("recovered", 0) == known
    collector.stop()
