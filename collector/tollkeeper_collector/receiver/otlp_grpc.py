"""OTLP over gRPC: the three Export methods, served without generated code.

The same doorkeeper, the same intake, the same bounds as over HTTP; errors become gRPC status, and
RetryInfo tells when to come again.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types

from tollkeeper.logs import Log
from tollkeeper_collector.errors import CollectorError, RetryLater
from tollkeeper_collector.identity import Doorkeeper
from tollkeeper_collector.otlp import Signal
from tollkeeper_collector.otlp.answers import response
from tollkeeper_collector.receiver.intake import Intake
from tollkeeper_collector.receiver.preparing import Parcel

Export = Callable[[bytes, grpc.aio.ServicerContext], Awaitable[Message]]

_SERVICES: Final[dict[Signal, str]] = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
_DETAILS: Final = "grpc-status-details-bin"


class Exporter:
    """Answers Export calls."""

    def __init__(self, intake: Intake, doorkeeper: Doorkeeper, log: Log) -> None:
        self._intake, self._doorkeeper, self._log = intake, doorkeeper, log

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """Return what a server has to register."""
        return tuple(
            grpc.method_handlers_generic_handler(
                service,
                {
                    "Export": grpc.unary_unary_rpc_method_handler(
                        self._export(signal),
                        request_deserializer=None,  # the bytes as they are
                        response_serializer=lambda message: message.SerializeToString(),
                    )
                },
            )
            for signal, service in _SERVICES.items()
        )

    def _export(self, signal: Signal) -> Export:
        async def export(body: bytes, context: grpc.aio.ServicerContext) -> Message:
            try:
                return await self._accepted(signal, body, context)
            except CollectorError as error:
                return await _abort(context, error)
            except Exception as error:  # noqa: BLE001  # the request boundary
                self._log.error("request failed", signal=signal, error=repr(error)[:500])
                return await _abort(context, CollectorError("internal error"))

        return export

    async def _accepted(
        self, signal: Signal, body: bytes, context: grpc.aio.ServicerContext
    ) -> Message:
        metadata = context.invocation_metadata() or ()
        headers = {key: value for key, value in metadata if isinstance(value, str)}
        with self._intake.admitted(len(body)):
            identity = await self._doorkeeper.writer(headers)
            outcome = await self._intake.accept(Parcel(signal, "protobuf", "", body, identity))
        return response(signal, outcome)


def make_server(exporter: Exporter, max_body_bytes: int) -> grpc.aio.Server:
    """Return a server that is not started yet and listens nowhere."""
    return grpc.aio.server(
        handlers=exporter.handlers(),
        options=[
            ("grpc.max_receive_message_length", max_body_bytes),
            ("grpc.max_concurrent_streams", 128),
            ("grpc.so_reuseport", 1),
        ],
        maximum_concurrent_rpcs=None,  # the intake refuses with a hint when to come again
    )


async def _abort(context: grpc.aio.ServicerContext, error: CollectorError) -> Message:
    """End the call with the error's status; senders repeat only what carries RetryInfo."""
    told = Status(code=error.grpc_code, message=str(error))
    if isinstance(error, RetryLater):
        delay = Duration(seconds=error.retry_after_s)
        told.details.add().Pack(RetryInfo(retry_delay=delay))
    await context.abort(
        _CODES[error.grpc_code], str(error), ((_DETAILS, told.SerializeToString()),)
    )
    raise AssertionError("abort raises")
