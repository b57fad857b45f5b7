"""What machines ask the OTLP port: alive, ready, healthy, and the counts as Prometheus text.

No key is needed, so nothing here names a tenant, a key, a path or a setting.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from aiohttp import web

from tollkeeper_collector.inserter import Inserter
from tollkeeper_collector.journal import Journal
from tollkeeper_collector.receiver.intake import Intake
from tollkeeper_collector.tally import SIGNALS, Tally

Sample = tuple[Mapping[str, str], int]
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
        return web.Response(
            body="".join(self._families()).encode(), headers={"Content-Type": METRICS_TYPE}
        )

    def _families(self) -> Iterator[str]:
        counts = self.tally.counts()
        for outcome in sorted({key[0] for key in counts}):
            yield _family(
                f"tollkeeper_collector_{outcome}_records_total",
                "counter",
                [
                    ({"signal": signal, "reason": reason}, count)
                    for (kind, signal, reason), count in counts.items()
                    if kind == outcome
                ],
            )
        waiting = self.journal.waiting()
        yield _family(
            "tollkeeper_collector_waiting_records",
            "gauge",
            [({"signal": name}, waiting[number]) for number, name in enumerate(SIGNALS)],
        )
        yield _family(
            "tollkeeper_collector_requests_total",
            "counter",
            [({"status": str(status)}, count) for status, count in self.answered.items()],
        )
        since_s = self.inserter.store_down_since_s
        for name, kind, value in (
            ("in_flight_requests", "gauge", self.intake.in_flight),
            ("journal_bytes", "gauge", self.journal.size_bytes),
            ("journal_damaged_total", "counter", self.journal.damaged),
            ("store_failures_total", "counter", self.inserter.failures),
            ("store_up", "gauge", int(since_s is None)),
        ):
            yield _family(f"tollkeeper_collector_{name}", kind, [({}, value)])


def _family(name: str, kind: str, samples: list[Sample]) -> str:
    lines = [f"# TYPE {name} {kind}"]
    for labels, value in samples:
        named = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items() if text)
        lines.append(f"{name}{{{named}}} {value}" if named else f"{name} {value}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _text(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text)
