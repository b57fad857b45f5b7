"""The part of the SDK that needs OpenTelemetry's SDK: provider, processors and the OTLP sender.

Endpoint, headers, timeout, compression and certificates of the sender, sampler and span limits of
the provider come from the standard ``OTEL_*`` variables, read by OpenTelemetry itself.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import requests
from google.protobuf.message import DecodeError
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from tollkeeper import context
from tollkeeper.delivery import Batching, Delivery

TRACES_PATH: Final = "/v1/traces"
_MAX_ANSWER_BYTES: Final = 65_536  # an OTLP answer is a count and a sentence


class OtlpCarrier:
    """Sends batches as OTLP/HTTP and reads how many spans the collector took."""

    def __init__(self, endpoint: str | None, headers: Mapping[str, str]) -> None:
        self._rejected = 0
        self._session = requests.Session()
        self._session.hooks["response"].append(self._note_rejected)
        self._exporter = OTLPSpanExporter(
            endpoint=f"{endpoint.rstrip('/')}{TRACES_PATH}" if endpoint else None,
            headers=dict(headers),
            session=self._session,
        )

    def send(self, spans: Sequence[ReadableSpan]) -> int:
        self._rejected = 0
        if self._exporter.export(spans) is not SpanExportResult.SUCCESS:
            return 0
        return len(spans) - min(self._rejected, len(spans))

    def close(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # has no annotations there

    def forked(self) -> None:
        self._session.close()  # the parent's connections; new ones are made when needed

    def _note_rejected(self, response: requests.Response, **_: object) -> None:
        """Read the partial success of an OTLP answer, which OpenTelemetry's exporter does not."""
        if response.status_code != 200 or not 0 < len(response.content) <= _MAX_ANSWER_BYTES:
            return
        answer = ExportTraceServiceResponse()
        try:
            answer.ParseFromString(response.content)
        except DecodeError:  # a 200 of somebody who does not speak OTLP: nothing to learn from it
            return
        self._rejected = max(0, answer.partial_success.rejected_spans)


class Outgoing(SpanProcessor):
    """Gives spans their session and user at the start and hands them over at the end."""

    def __init__(self, delivery: Delivery, exit_flush_s: float) -> None:
        self._delivery = delivery
        self._exit_flush_s = exit_flush_s

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        for name, value in context.identity_attributes(parent_context).items():
            span.set_attribute(name, value)

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self._delivery.put(span)

    def shutdown(self) -> None:
        self._delivery.close(self._exit_flush_s)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._delivery.flush(timeout_millis / 1_000)


def start(
    *,
    service_name: str | None,
    endpoint: str | None,
    headers: Mapping[str, str],
    batching: Batching,
    exit_flush_s: float,
) -> Delivery:
    """Attach a delivery to the process's tracer provider, making one where there is none.

    ``endpoint`` is the collector's base URL, without path. Raises ``TypeError`` when the provider
    in place takes no processors.
    """
    provider = _provider(service_name)
    delivery = Delivery(OtlpCarrier(endpoint, headers), batching)
    provider.add_span_processor(Outgoing(delivery, exit_flush_s))
    return delivery


def _provider(service_name: str | None) -> TracerProvider:
    existing = trace.get_tracer_provider()
    if isinstance(existing, TracerProvider):
        return existing
    if not isinstance(existing, trace.ProxyTracerProvider):
        raise TypeError(f"the tracer provider in place is a {type(existing).__name__}")
    resource = Resource.create({SERVICE_NAME: service_name} if service_name else {})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    trace.set_tracer_provider(provider)
    return provider
