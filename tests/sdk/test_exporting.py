"""The OTLP sender against a real HTTP server, and how many spans it took."""

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import ReadableSpan
from tests.sdk.remembering import Remembering

from tollkeeper import observe
from tollkeeper.exporting import OtlpCarrier
from tollkeeper.testing import recorded


@observe
def work() -> None:
    return None


@pytest.fixture
def three() -> list[ReadableSpan]:
    with recorded() as found:
        for _ in range(3):
            work()
    return found.ended


def test_an_answer_without_a_word_took_everything(
    server: Remembering, three: list[ReadableSpan]
) -> None:
    carrier = OtlpCarrier(server.url, {"authorization": "Bearer tk-1"})
    assert carrier.send(three) == 3
    carrier.close()
    assert len(server.received_spans) == 3
    assert server.heard[0].headers["authorization"] == "Bearer tk-1"


@pytest.mark.parametrize(("rejected", "taken"), [(0, 3), (2, 1), (3, 0), (99, 0), (-1, 3)])
def test_a_partial_success_is_believed_within_reason(
    server: Remembering, three: list[ReadableSpan], rejected: int, taken: int
) -> None:
    partial = ExportTracePartialSuccess(rejected_spans=rejected)
    server.answer = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    carrier = OtlpCarrier(server.url, {})
    assert carrier.send(three) == taken
    carrier.close()


def test_an_answer_that_is_no_otlp_counts_as_it_says(
    server: Remembering, three: list[ReadableSpan]
) -> None:
    server.answer = b"<html>\xff</html>"
    carrier = OtlpCarrier(server.url, {})
    assert carrier.send(three) == 3
    carrier.close()


def test_one_rejection_does_not_count_for_the_next_batch(
    server: Remembering, three: list[ReadableSpan]
) -> None:
    partial = ExportTracePartialSuccess(rejected_spans=3)
    server.answer = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    carrier = OtlpCarrier(server.url, {})
    assert carrier.send(three) == 0
    server.answer = b""
    assert carrier.send(three) == 3
    carrier.close()


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_a_refused_batch_took_nothing(
    server: Remembering, three: list[ReadableSpan], status: int
) -> None:
    server.status = status
    carrier = OtlpCarrier(f"{server.url}/", {})
    assert carrier.send(three) == 0
    carrier.close()


def test_connections_are_not_shared_with_a_child(
    server: Remembering, three: list[ReadableSpan]
) -> None:
    carrier = OtlpCarrier(server.url, {})
    carrier.send(three)
    carrier.forked()
    assert carrier.send(three) == 3
    carrier.close()
