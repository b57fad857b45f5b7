"""From the bytes of a request to a journal entry: everything that needs no other request.

Pure, so that it may run on any thread: inflate, decode, judge, clean, encode.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Final

from tollkeeper.keys import Identity
from tollkeeper_collector.chunks import encode
from tollkeeper_collector.journal import Entry
from tollkeeper_collector.otlp import Encoding, Signal, count_points, decode_logs, decode_traces
from tollkeeper_collector.otlp.answers import Outcome
from tollkeeper_collector.otlp.inflate import inflate
from tollkeeper_collector.rows import Accepted, Arrival, log_rows, span_rows
from tollkeeper_collector.tally import SIGNALS

NO_METRICS: Final = "metrics are not stored here; send traces and logs"


@dataclass(frozen=True, slots=True)
class Parcel:
    """A request as it came: its body may be compressed."""

    signal: Signal
    encoding: Encoding
    coding: str
    body: bytes
    identity: Identity


@dataclass(frozen=True, slots=True)
class Prepared:
    """What to journal (nothing when no record is kept) and what to tell the sender."""

    entry: Entry | None
    outcome: Outcome
    rejected: Counter[str]


def prepare(parcel: Parcel, arrival: Arrival, max_body_bytes: int) -> Prepared:
    """Return what becomes of a request; raise CallerError when it cannot be read."""
    body = inflate(parcel.body, parcel.coding, max_body_bytes)
    if parcel.signal == "metrics":
        return _without_metrics(count_points(body, parcel.encoding))
    accepted = _rows(parcel, body, arrival)
    outcome = _outcome(accepted.rejected)
    if not accepted.rows:
        return Prepared(None, outcome, accepted.rejected)
    signal = SIGNALS.index(parcel.signal)
    entry = Entry(signal, accepted.rows, digest_of(parcel, body), encode(accepted.chunks))
    return Prepared(entry, outcome, accepted.rejected)


def digest_of(parcel: Parcel, body: bytes) -> bytes:
    """Return what identical requests of one sender have in common, 16 bytes."""
    identity = parcel.identity
    sender = f"{identity.tenant_id}\0{identity.role}\0{parcel.signal}\0{parcel.encoding}\0"
    seen = hashlib.blake2b(sender.encode(), digest_size=16)
    seen.update(body)
    return seen.digest()


def _rows(parcel: Parcel, body: bytes, arrival: Arrival) -> Accepted:
    if parcel.signal == "logs":
        return log_rows(decode_logs(body, parcel.encoding), arrival)
    return span_rows(decode_traces(body, parcel.encoding), arrival)


def _outcome(rejected: Counter[str]) -> Outcome:
    if not rejected:
        return Outcome()
    reasons = "; ".join(f"{count}: {reason}" for reason, count in rejected.most_common())
    return Outcome(rejected.total(), f"rejected {reasons}")


def _without_metrics(points: int) -> Prepared:
    if not points:
        return Prepared(None, Outcome(), Counter())
    return Prepared(None, Outcome(points, NO_METRICS), Counter({NO_METRICS: points}))
