"""OTLP requests, decoded: bytes of either encoding in, the same plain values out.

Attributes come out as text, the way the stock ClickHouse exporter stores them. Nothing here knows
tenants, tables or sockets.
"""

from typing import Literal

from tollkeeper_collector.otlp import json_form, protobuf
from tollkeeper_collector.otlp.signals import LogGroup, SpanGroup

__all__ = ["Encoding", "Signal", "count_points", "decode_logs", "decode_traces"]

Encoding = Literal["protobuf", "json"]
Signal = Literal["traces", "logs", "metrics"]


def decode_traces(body: bytes, encoding: Encoding) -> list[SpanGroup]:
    """Decode an ExportTraceServiceRequest; raise MalformedRequest."""
    return json_form.traces(body) if encoding == "json" else protobuf.traces(body)


def decode_logs(body: bytes, encoding: Encoding) -> list[LogGroup]:
    """Decode an ExportLogsServiceRequest; raise MalformedRequest."""
    return json_form.logs(body) if encoding == "json" else protobuf.logs(body)


def count_points(body: bytes, encoding: Encoding) -> int:
    """Return how many data points an ExportMetricsServiceRequest holds; raise MalformedRequest."""
    return json_form.points(body) if encoding == "json" else protobuf.points(body)
