import json

from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tollkeeper_collector.otlp.answers import MAX_MESSAGE, Outcome, status, success


def test_full_success_is_an_empty_message() -> None:
    assert success("traces", Outcome(), "protobuf") == b""
    assert success("traces", Outcome(), "json") == b"{}"


def test_a_rejected_part_is_told_by_count_and_reason() -> None:
    outcome = Outcome(3, "too old")
    answer = ExportTraceServiceResponse.FromString(success("traces", outcome, "protobuf"))
    assert answer.partial_success.rejected_spans == 3
    assert answer.partial_success.error_message == "too old"
    logs = ExportLogsServiceResponse.FromString(success("logs", outcome, "protobuf"))
    assert logs.partial_success.rejected_log_records == 3
    assert json.loads(success("metrics", outcome, "json")) == {
        "partialSuccess": {"rejectedDataPoints": "3", "errorMessage": "too old"}
    }


def test_errors_are_status_messages_in_the_encoding_of_the_request() -> None:
    told = Status.FromString(status(3, "bad" * MAX_MESSAGE, "protobuf"))
    assert told.code == 3
    assert len(told.message) == MAX_MESSAGE
    assert json.loads(status(14, "later", "json")) == {"code": 14, "message": "later"}
