import gzip
import json
import os
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from tests.collector.full_disk import file_size_limit
from tests.collector.receiver_bench import KEY, MAX_BODY, SYSTEM_KEY, ReceiverBench
from tests.collector.records import recorded, trace_body
from tests.equipment.raw_http import RawConnection, request_bytes

from tollkeeper_collector.chunks import Chunk, decode

HEADERS = (("Content-Type", "application/json"), ("Authorization", f"Bearer {KEY}"))


def journalled(bench: ReceiverBench) -> list[Chunk]:
    batch = bench.journal.take(100_000, 1 << 30, timeout_s=0)
    assert batch is not None
    return [chunk for record in batch.records for chunk in decode(record.entry.payload)]


def test_spans_are_acknowledged_with_an_empty_answer(bench: ReceiverBench) -> None:
    answer = bench.post("/v1/traces", trace_body(1, 2))
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Type"] == "application/x-protobuf"
    assert bench.journal.waiting() == {0: 2}


def test_empty_requests_succeed_in_both_encodings(bench: ReceiverBench) -> None:
    assert bench.post("/v1/traces", b"").body == b""
    answer = bench.post("/v1/logs", b"{}", Content_Type="application/json; charset=utf-8")
    assert (answer.status, answer.body) == (200, b"{}")


@pytest.mark.parametrize(
    ("coding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd.compress)],
)
def test_compressed_bodies_are_taken(bench: ReceiverBench, coding: str, compress: object) -> None:
    body = compress(trace_body(1))  # type: ignore[operator]  # one of the three
    assert bench.post("/v1/traces", body, Content_Encoding=coding).status == 200
    assert bench.journal.waiting() == {0: 1}


def test_a_rejected_part_is_told(bench: ReceiverBench) -> None:
    answer = bench.post("/v1/traces", trace_body(0, 1))
    told = ExportTraceServiceResponse.FromString(answer.body).partial_success
    assert (answer.status, told.rejected_spans) == (200, 1)
    assert "trace_id" in told.error_message


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code"),
    [
        ("/v1/traces", b"\xff", {}, 400, 3),
        ("/v1/traces", b"{", {"Content_Type": "application/json"}, 400, 3),
        ("/v1/traces", b"x", {"Content_Encoding": "gzip"}, 400, 3),
        ("/v1/traces", b"x", {"Content_Encoding": "br"}, 415, 3),
        ("/v1/traces", b"x", {"Content_Encoding": "gzip, gzip"}, 415, 3),
        ("/v1/traces", b"", {"Content_Type": "text/plain"}, 415, 3),
        ("/v1/traces", b"x" * (MAX_BODY + 1), {}, 413, 8),
        ("/v1/traces", gzip.compress(bytes(MAX_BODY + 1)), {"Content_Encoding": "gzip"}, 413, 8),
        ("/v1/traces", b"", {"Authorization": "Bearer tk-wrong"}, 401, 16),
        ("/v1/traces", b"", {"Authorization": ""}, 401, 16),
        ("/v1/traces", b"", {"Authorization": "Bearer tk-viewer"}, 403, 7),
        ("/v1/nothing", b"", {}, 404, 5),
        ("/v1/traces/", b"", {}, 404, 5),
        ("/v1%2ftraces", b"", {}, 404, 5),
    ],
)
def test_refusals_are_status_messages(
    bench: ReceiverBench, path: str, body: bytes, headers: dict[str, str], status: int, code: int
) -> None:
    answer = bench.post(path, body, **headers)
    assert answer.status == status
    if answer.headers["Content-Type"] == "application/json":
        assert json.loads(answer.body)["code"] == code
    else:
        assert Status.FromString(answer.body).code == code
    assert bench.journal.waiting().total() == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_only_post_exports(bench: ReceiverBench, method: str) -> None:
    answer = bench.request(method, "/v1/traces")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("header", ["x-api-key", "api-key"])
def test_a_key_may_come_in_other_headers(bench: ReceiverBench, header: str) -> None:
    kind = {"Content-Type": "application/x-protobuf"}
    assert bench.request("POST", "/v1/traces", b"", {header: KEY, **kind}).status == 200
    assert bench.request("POST", "/v1/traces", b"", {header: "x", **kind}).status == 401


def test_the_tenant_is_the_credentials(bench: ReceiverBench) -> None:
    claim = {"tollkeeper.tenant.id": "victim"}
    bench.post("/v1/traces", trace_body(1, resource=claim))
    bench.post("/v1/traces", trace_body(2, resource=claim), Authorization="Bearer tk-other")
    bench.post("/v1/traces", trace_body(3, resource=claim), Authorization=f"Bearer {SYSTEM_KEY}")
    resources: list[Any] = [chunk.shared["ResourceAttributes"] for chunk in journalled(bench)]
    tenants = [resource["tollkeeper.tenant.id"] for resource in resources]
    assert tenants == ["t1", "t2", "victim"]


def test_keys_that_cannot_be_checked_mean_later(bench: ReceiverBench) -> None:
    bench.keys.is_away = True
    answer = bench.post("/v1/traces", trace_body(1))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert bench.post("/v1/traces", b"", Authorization=f"Bearer {SYSTEM_KEY}").status == 200


def test_a_full_journal_is_told_and_nothing_is_acknowledged(tmp_path: Path) -> None:
    bench = ReceiverBench(tmp_path / "small", total_bytes=2000)
    statuses = [bench.post("/v1/traces", trace_body(n)).status for n in range(1, 12)]
    assert set(statuses) == {200, 503}
    assert bench.journal.waiting().total() == statuses.count(200)
    answer = bench.post("/v1/traces", trace_body(99))
    assert answer.headers["Retry-After"] == "2"
    assert Status.FromString(answer.body).code == 14
    bench.close()


def test_no_answer_comes_before_the_disk_has_synced(
    bench: ReceiverBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncing, may_sync = threading.Event(), threading.Event()
    sync = os.fdatasync

    def slow_sync(descriptor: int) -> None:
        syncing.set()
        assert may_sync.wait(10)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow_sync)
    answers: list[int] = []
    body = trace_body(1)
    sender = threading.Thread(target=lambda: answers.append(bench.post("/v1/traces", body).status))
    sender.start()
    assert syncing.wait(10)
    assert bench.request("GET", "/livez").status == 200  # the loop is not held up by the disk
    assert answers == []
    may_sync.set()
    sender.join(10)
    assert answers == [200]


def test_a_full_disk_is_told_and_forgotten_once_there_is_room(bench: ReceiverBench) -> None:
    bench.post("/v1/traces", trace_body(1))
    with file_size_limit(200):
        for number in (2, 3):
            answer = bench.post("/v1/traces", trace_body(number))
            assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert bench.post("/v1/traces", trace_body(4)).status == 200
    assert bench.journal.waiting() == {0: 2}
    ids = [span_id for chunk in journalled(bench) for span_id in chunk.columns["SpanId"]]
    assert ids == [f"{1:016x}", f"{4:016x}"]


def test_too_much_in_flight_is_told(bench: ReceiverBench) -> None:
    slow = [RawConnection(bench.port) for _ in range(4)]
    for connection in slow:
        connection.send(request_bytes("/v1/traces", b"{}", headers=HEADERS)[:-1])
    while bench.intake.in_flight < 4:
        pass
    answer = bench.post("/v1/traces", trace_body(1))
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    for connection in slow:
        connection.send(b"}")
        assert connection.read_response().status == 200
        connection.close()
    assert bench.post("/v1/traces", trace_body(1)).status == 200


def test_a_body_that_does_not_come_is_not_waited_for(bench: ReceiverBench) -> None:
    with RawConnection(bench.port) as connection:
        connection.send(request_bytes("/v1/traces", b"{}", headers=HEADERS)[:-1])
        answer = connection.read_response()
        assert answer.status == 408
        assert answer.json()["code"] == 4
        assert connection.is_closed_by_peer()


def test_a_connection_serves_one_request_after_the_other(bench: ReceiverBench) -> None:
    with RawConnection(bench.port) as connection:
        for _ in range(3):
            connection.send(request_bytes("/v1/traces", b"{}", headers=HEADERS))
            assert connection.read_response().status == 200


def test_chunked_bodies_are_taken_and_bounded(bench: ReceiverBench) -> None:
    head = (
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + KEY.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with RawConnection(bench.port) as connection:
        connection.send(head + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
        assert connection.read_response().status == 200
    with RawConnection(bench.port) as connection:
        size = MAX_BODY + 10
        connection.send(head + f"{size:x}\r\n".encode() + b" " * size)
        assert connection.read_response().status == 413


@pytest.mark.parametrize(
    "head",
    [
        b"Host: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Host: a\r\nTransfer-Encoding: gzip, chunked\r\n",
        b"Host: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n",
        b"Host: a\r\nContent-Length: +2\r\n",
        b"Host: a/?x=\r\nContent-Length: 2\r\n",
        b"Host: a\r\nHost: b\r\nContent-Length: 2\r\n",
        b"Content-Length: 2\r\n",
        b"Host: a\r\nContent-Length: 2\r\nbad header\r\n",
    ],
)
def test_unsound_framing_is_refused_and_closed(bench: ReceiverBench, head: bytes) -> None:
    extra = f"Content-Type: application/json\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()
    with RawConnection(bench.port) as connection:
        connection.send(b"POST /v1/traces HTTP/1.1\r\n" + head + extra + b"{}")
        answer = connection.read_response()
        assert answer.status == 400
        assert answer.json()["code"] == 3
        assert connection.is_closed_by_peer()
    assert bench.post("/v1/traces", b"").status == 200


def test_a_resent_body_is_kept_once(bench: ReceiverBench) -> None:
    body = trace_body(5)
    assert [bench.post("/v1/traces", body).status for _ in range(3)] == [200] * 3
    assert bench.journal.waiting() == {0: 1}


def test_probes_need_no_key(bench: ReceiverBench) -> None:
    assert bench.request("GET", "/livez").body == b"ok\n"
    assert bench.request("HEAD", "/livez").status == 200


def test_answers_are_counted_by_status(bench: ReceiverBench) -> None:
    bench.post("/v1/traces", b"")
    bench.post("/v1/traces", b"\xff")
    assert bench.answered == {200: 1, 400: 1}


def test_a_fault_of_ours_is_a_500_without_its_innards(
    bench: ReceiverBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.journal, "append", None)
    answer = bench.post("/v1/traces", trace_body(1))
    assert answer.status == 500
    assert json.loads(answer.body) == {"code": 13, "message": "internal error"}


def test_the_official_exporter_delivers(bench: ReceiverBench) -> None:
    exporter = OTLPSpanExporter(
        f"http://127.0.0.1:{bench.port}/v1/traces", headers={"authorization": f"Bearer {KEY}"}
    )
    provider = TracerProvider(resource=Resource.create({"service.name": "app"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    for number in range(20):
        with provider.get_tracer("t").start_as_current_span("work", attributes={"n": number}):
            pass
    assert provider.force_flush()
    provider.shutdown()
    names = [name for chunk in journalled(bench) for name in chunk.columns["SpanName"]]
    assert names == ["work"] * 20


@pytest.mark.shared
def test_every_recorded_body_is_acknowledged(bench: ReceiverBench) -> None:
    for body in recorded():
        kind = "application/json" if body.encoding == "json" else "application/x-protobuf"
        if "exporters" not in body.path.parts:
            continue  # the specification's examples are years old
        headers = {"Content_Type": kind, **({"Content_Encoding": "gzip"} if body.coding else {})}
        answer = bench.post(f"/v1/{body.signal}", body.path.read_bytes(), **headers)
        assert answer.status == 200, body.path.name
    assert bench.tally.total("accepted") + bench.tally.total("rejected") > 4000
