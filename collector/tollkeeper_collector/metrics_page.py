"""The collector's counts as Prometheus text: counts in, the page out.

Labels are signals, reasons and statuses of ours; nothing a sender made up becomes one.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tollkeeper_collector.tally import SIGNALS, Outcome

Labels = Mapping[str, str]
Sample = tuple[Labels, int]

RECORDS: Final[Mapping[Outcome, tuple[str, str]]] = {
    "accepted": (
        "tollkeeper_collector_accepted_records_total",
        "Records acknowledged to their sender: durable from then on.",
    ),
    "recovered": (
        "tollkeeper_collector_recovered_records_total",
        "Records an earlier process had acknowledged, found in the journal.",
    ),
    "stored": (
        "tollkeeper_collector_stored_records_total",
        "Records the store has taken.",
    ),
    "quarantined": (
        "tollkeeper_collector_quarantined_records_total",
        "Records the store refused, kept as dead letters.",
    ),
    "dropped": (
        "tollkeeper_collector_dropped_records_total",
        "Records lost after they had been acknowledged, by reason.",
    ),
    "rejected": (
        "tollkeeper_collector_rejected_records_total",
        "Records never accepted, by reason; their sender was told.",
    ),
    "repeated": (
        "tollkeeper_collector_repeated_records_total",
        "Records sent again after they had been accepted; not kept twice.",
    ),
}
WAITING: Final = (
    "tollkeeper_collector_waiting_records",
    "Acknowledged records in the journal that the store has not taken.",
)
REQUESTS: Final = (
    "tollkeeper_collector_requests_total",
    "Requests on the OTLP port over HTTP, by status.",
)
IN_FLIGHT: Final = (
    "tollkeeper_collector_in_flight_requests",
    "Requests between arrival and answer.",
)
JOURNAL_BYTES: Final = (
    "tollkeeper_collector_journal_bytes",
    "Bytes of journal on disk, stored records among them.",
)
JOURNAL_DAMAGED: Final = (
    "tollkeeper_collector_journal_damaged_total",
    "Places in the journal where no record could be made out any more.",
)
STORE_FAILURES: Final = (
    "tollkeeper_collector_store_failures_total",
    "Attempts to store that failed and were repeated.",
)
STORE_UP: Final = (
    "tollkeeper_collector_store_up",
    "Whether the store took what it was last given: 1 or 0.",
)


@dataclass(frozen=True, slots=True)
class Counts:
    """Everything the page tells, at one moment."""

    records: Mapping[tuple[Outcome, str, str], int]
    waiting: Counter[int]  # by signal's number
    requests: Counter[int]  # by status
    in_flight: int
    journal_bytes: int
    journal_damaged: int
    store_failures: int
    store_up: bool


def page(counts: Counts) -> str:
    """Return the page."""
    return "".join(_families(counts))


def _families(counts: Counts) -> Iterator[str]:
    for outcome, named in RECORDS.items():
        yield _family(named, "counter", _records(counts, outcome))
    waiting = [({"signal": name}, counts.waiting[n]) for n, name in enumerate(SIGNALS)]
    yield _family(WAITING, "gauge", waiting)
    requests = [({"status": str(status)}, count) for status, count in counts.requests.items()]
    yield _family(REQUESTS, "counter", requests)
    yield _family(IN_FLIGHT, "gauge", [({}, counts.in_flight)])
    yield _family(JOURNAL_BYTES, "gauge", [({}, counts.journal_bytes)])
    yield _family(JOURNAL_DAMAGED, "counter", [({}, counts.journal_damaged)])
    yield _family(STORE_FAILURES, "counter", [({}, counts.store_failures)])
    yield _family(STORE_UP, "gauge", [({}, int(counts.store_up))])


def _records(counts: Counts, outcome: Outcome) -> list[Sample]:
    return [
        ({"signal": signal, "reason": reason}, count)
        for (kind, signal, reason), count in counts.records.items()
        if kind == outcome
    ]


def _family(named: tuple[str, str], kind: str, samples: Sequence[Sample]) -> str:
    name, meaning = named
    lines = [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items() if text)
        lines.append(f"{name}{{{told}}} {value}" if told else f"{name} {value}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
