"""What a sender gets back: an outcome or an error in, the body of the answer out.

Success is an empty message; a rejected part is told by count and reason, once, because clients
must not repeat it; an error is a google.rpc.Status. All in the encoding of the request.
"""

from dataclasses import dataclass
from typing import Final

import orjson
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tollkeeper_collector.otlp import Encoding, Signal

MAX_MESSAGE: Final = 2000  # characters; a client may refuse a long answer


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request: all kept, or how many records were rejected and why."""

    rejected: int = 0
    message: str = ""


_RESPONSES: Final[dict[Signal, tuple[type[Message], str, str]]] = {
    "traces": (ExportTraceServiceResponse, "rejected_spans", "rejectedSpans"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records", "rejectedLogRecords"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points", "rejectedDataPoints"),
}


def response(signal: Signal, outcome: Outcome) -> Message:
    """Return the protobuf response to an export."""
    kind, field, _ = _RESPONSES[signal]
    if not outcome.rejected and not outcome.message:
        return kind()
    partial = {field: outcome.rejected, "error_message": outcome.message[:MAX_MESSAGE]}
    return kind(partial_success=partial)


def success(signal: Signal, outcome: Outcome, encoding: Encoding) -> bytes:
    """Return the body of a 200."""
    if encoding == "protobuf":
        return bytes(response(signal, outcome).SerializeToString())
    if not outcome.rejected and not outcome.message:
        return b"{}"
    field = _RESPONSES[signal][2]
    partial = {field: str(outcome.rejected), "errorMessage": outcome.message[:MAX_MESSAGE]}
    return orjson.dumps({"partialSuccess": partial})


def status(code: int, message: str, encoding: Encoding) -> bytes:
    """Return a google.rpc.Status as the body of a 4xx or 5xx; ``code`` is a google.rpc.Code."""
    if encoding == "protobuf":
        return bytes(Status(code=code, message=message[:MAX_MESSAGE]).SerializeToString())
    return orjson.dumps({"code": code, "message": message[:MAX_MESSAGE]})
