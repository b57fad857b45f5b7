"""What machines ask the OTLP port: alive, ready, healthy, and the counts.

No key is needed, so nothing here names a tenant, a key, a path or a setting.
"""

import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

import orjson
from aiohttp import web

from tollkeeper_collector import metrics_page
from tollkeeper_collector.inserter import Inserter
from tollkeeper_collector.journal import Journal
from tollkeeper_collector.receiver.intake import Intake
from tollkeeper_collector.tally import Tally

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True)
class Probes:
    """Answers the probe paths from the parts' own counts."""

    intake: Intake
    journal: Journal
    inserter: Inserter
    tally: Tally
    answered: Counter[int]
    journal_limit_bytes: int
    draining: bool = False

    async def livez(self) -> web.Response:
        """Answer that the event loop turns."""
        return _text(200, "ok\n")

    async def readyz(self) -> web.Response:
        """Answer whether telemetry would be accepted now; the store may well be away."""
        ready = not self.draining and self.journal.size_bytes < self.journal_limit_bytes
        return _text(200, "ok\n") if ready else _text(503, "not ready\n")

    async def healthz(self) -> web.Response:
        """Answer how things are, in a few words of JSON."""
        since_s = self.inserter.store_down_since_s
        told = {
            "store": "ok" if since_s is None else "unavailable",
            "store_down_s": 0 if since_s is None else round(time.monotonic() - since_s, 1),
            "waiting": self.journal.waiting().total(),
            "journal_bytes": self.journal.size_bytes,
        }
        status = 200 if since_s is None else 503
        return web.Response(status=status, body=orjson.dumps(told), content_type="application/json")

    async def metrics(self) -> web.Response:
        """Answer all counts."""
        counts = metrics_page.Counts(
            records=self.tally.counts(),
            waiting=self.journal.waiting(),
            requests=Counter(self.answered),
            in_flight=self.intake.in_flight,
            journal_bytes=self.journal.size_bytes,
            journal_damaged=self.journal.damaged,
            store_failures=self.inserter.failures,
            store_up=self.inserter.store_down_since_s is None,
        )
        body = metrics_page.page(counts).encode()
        return web.Response(body=body, headers={"Content-Type": METRICS_TYPE})


def _text(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text)
