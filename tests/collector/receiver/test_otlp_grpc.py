import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from tests.collector.receiver_bench import KEY, MAX_BODY, ReceiverBench
from tests.collector.records import trace_body

SERVICE = "/opentelemetry.proto.collector.{0}.v1.{1}Service/Export"


def export(
    bench: ReceiverBench, body: bytes, *, key: str = KEY, signal: str = "trace", **options: object
) -> bytes:
    with grpc.insecure_channel(f"127.0.0.1:{bench.grpc_port}") as channel:
        call = channel.unary_unary(SERVICE.format(signal, signal.title()))
        metadata = [("authorization", f"Bearer {key}")] if key else []
        answer: bytes = call(body, metadata=metadata, timeout=10, **options)
        return answer


def refusal(bench: ReceiverBench, body: bytes, *, key: str = KEY) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        export(bench, body, key=key)
    return caught.value


def test_spans_are_acknowledged(bench: ReceiverBench) -> None:
    answer = ExportTraceServiceResponse.FromString(export(bench, trace_body(1, 2)))
    assert not answer.HasField("partial_success")
    assert bench.journal.waiting() == {0: 2}


def test_compressed_calls_are_taken(bench: ReceiverBench) -> None:
    export(bench, trace_body(1), compression=grpc.Compression.Gzip)
    assert bench.journal.waiting() == {0: 1}


def test_a_rejected_part_is_told(bench: ReceiverBench) -> None:
    answer = ExportTraceServiceResponse.FromString(export(bench, trace_body(0)))
    assert answer.partial_success.rejected_spans == 1


def test_logs_and_metrics_have_services_of_their_own(bench: ReceiverBench) -> None:
    logs = ExportLogsServiceResponse.FromString(export(bench, b"", signal="logs"))
    assert not logs.HasField("partial_success")
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.add().sum.data_points.add()
    answer = export(bench, request.SerializeToString(), signal="metrics")
    told = ExportMetricsServiceResponse.FromString(answer).partial_success
    assert told.rejected_data_points == 1


@pytest.mark.parametrize(
    ("body", "key", "code"),
    [
        (b"\xff", KEY, grpc.StatusCode.INVALID_ARGUMENT),
        (b"", "", grpc.StatusCode.UNAUTHENTICATED),
        (b"", "tk-wrong", grpc.StatusCode.UNAUTHENTICATED),
        (b"", "tk-viewer", grpc.StatusCode.PERMISSION_DENIED),
        (b"x" * (MAX_BODY + 1), KEY, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
def test_refusals_have_the_codes_senders_do_not_repeat(
    bench: ReceiverBench, body: bytes, key: str, code: grpc.StatusCode
) -> None:
    assert refusal(bench, body, key=key).code() is code
    assert bench.journal.waiting().total() == 0


def test_a_bomb_is_refused(bench: ReceiverBench) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        export(bench, bytes(8 * MAX_BODY), compression=grpc.Compression.Gzip)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_later_comes_with_a_hint_when(bench: ReceiverBench) -> None:
    bench.keys.is_away = True
    error = refusal(bench, trace_body(1))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    [(_, details)] = [m for m in error.trailing_metadata() if m[0] == "grpc-status-details-bin"]
    hint = RetryInfo()
    assert Status.FromString(details).details[0].Unpack(hint)
    assert hint.retry_delay.seconds == 2


def test_an_unknown_method_is_told(bench: ReceiverBench) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{bench.grpc_port}") as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("/a.B/C")(b"", timeout=10)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_the_official_exporter_delivers(bench: ReceiverBench) -> None:
    exporter = OTLPSpanExporter(
        f"http://127.0.0.1:{bench.grpc_port}",
        insecure=True,
        headers=(("authorization", f"Bearer {KEY}"),),
    )
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    for _ in range(20):
        with provider.get_tracer("t").start_as_current_span("work"):
            pass
    assert provider.force_flush()
    provider.shutdown()
    assert bench.journal.waiting() == {0: 20}
