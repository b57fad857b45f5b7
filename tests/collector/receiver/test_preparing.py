import gzip
import time

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from tests.collector.records import MEMBER, SYSTEM, recorded, trace_body

from tollkeeper.keys import Identity
from tollkeeper_collector.chunks import decode
from tollkeeper_collector.errors import BodyTooLarge, MalformedRequest
from tollkeeper_collector.otlp import Encoding, Signal
from tollkeeper_collector.otlp.answers import Outcome
from tollkeeper_collector.receiver.preparing import NO_METRICS, Parcel, prepare
from tollkeeper_collector.rows import Arrival, Rules

LIMIT = 1 << 20


def parcel(
    body: bytes,
    *,
    signal: Signal = "traces",
    encoding: Encoding = "protobuf",
    coding: str = "",
    identity: Identity = MEMBER,
) -> Parcel:
    return Parcel(signal, encoding, coding, body, identity)


def arrived(identity: Identity = MEMBER) -> Arrival:
    return Arrival(identity, time.time_ns(), Rules())


def test_a_request_becomes_an_entry_of_its_rows() -> None:
    prepared = prepare(parcel(trace_body(1, 2)), arrived(), LIMIT)
    assert prepared.outcome == Outcome()
    assert prepared.entry is not None
    assert (prepared.entry.signal, prepared.entry.rows) == (0, 2)
    [chunk] = decode(prepared.entry.payload)
    assert chunk.columns["SpanId"] == [f"{1:016x}", f"{2:016x}"]


def test_what_is_rejected_is_counted_and_told() -> None:
    prepared = prepare(parcel(trace_body(0, 7)), arrived(), LIMIT)
    assert prepared.entry is not None
    assert prepared.entry.rows == 1
    assert prepared.outcome.rejected == 1
    assert "trace_id" in prepared.outcome.message


def test_nothing_acceptable_is_nothing_to_journal() -> None:
    assert prepare(parcel(b""), arrived(), LIMIT).entry is None
    prepared = prepare(parcel(trace_body(0)), arrived(), LIMIT)
    assert prepared.entry is None
    assert prepared.outcome.rejected == 1


def test_metrics_are_told_that_they_are_not_kept() -> None:
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.add().gauge.data_points.add()
    sent = parcel(request.SerializeToString(), signal="metrics")
    prepared = prepare(sent, arrived(), LIMIT)
    assert prepared.entry is None
    assert prepared.outcome == Outcome(1, NO_METRICS)
    assert prepare(parcel(b"", signal="metrics"), arrived(), LIMIT).outcome == Outcome()


def test_identical_requests_of_one_sender_have_one_digest() -> None:
    body = trace_body(1)

    def digest(sent: Parcel) -> bytes:
        entry = prepare(sent, arrived(sent.identity), LIMIT).entry
        assert entry is not None
        return entry.digest

    ours = digest(parcel(body))
    assert ours == digest(parcel(gzip.compress(body), coding="gzip"))
    assert ours != digest(parcel(body, identity=Identity("k2", "two", "t2")))
    assert ours != digest(parcel(body, identity=SYSTEM))
    assert ours != digest(parcel(trace_body(2)))


def test_bombs_and_rubbish_are_the_senders_fault() -> None:
    with pytest.raises(BodyTooLarge):
        prepare(parcel(gzip.compress(bytes(LIMIT + 1)), coding="gzip"), arrived(), LIMIT)
    with pytest.raises(MalformedRequest):
        prepare(parcel(b"\xff\xff"), arrived(), LIMIT)


@pytest.mark.shared
def test_preparing_a_recorded_body_twice_gives_the_same_bytes() -> None:
    when = arrived()
    for body in recorded():
        if body.signal == "metrics":
            continue
        sent = parcel(
            body.path.read_bytes(), signal=body.signal, encoding=body.encoding, coding=body.coding
        )
        ours, again = prepare(sent, when, 1 << 26), prepare(sent, when, 1 << 26)
        assert ours == again
