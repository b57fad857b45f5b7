"""An exchange as spans: one SERVER span, and one CLIENT span for each call to a provider.

The CLIENT span carries the GenAI attributes and becomes a row of ``llm_calls``; where no call was
made (refused, cached) the SERVER span carries them. The only file of the proxy that names
attributes. Spans are OTLP/JSON objects (opentelemetry-proto v1.11.0: hex ids, integers as strings).
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import orjson

from tollkeeper import semconv as names
from tollkeeper_proxy.exchange import Attempt, Exchange, Target
from tollkeeper_proxy.routes.answer_headers import usd
from tollkeeper_proxy.wire.openai_chat import ChatRequest
from tollkeeper_proxy.wire.openai_messages import input_messages, output_messages, tool_definitions

Span = dict[str, object]
Attribute = dict[str, object]
Attributes = list[Attribute]

_SERVER: Final = 2
_CLIENT: Final = 3
_ERROR: Final = {"code": 2}
_BROKEN: Final = frozenset({"failed", "truncated", "cancelled"})
_UNSET: Final[dict[str, object]] = {}

_REAL_FIELDS: Final[dict[str, str]] = {
    "temperature": names.REQUEST_TEMPERATURE,
    "top_p": names.REQUEST_TOP_P,
    "frequency_penalty": names.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": names.REQUEST_PRESENCE_PENALTY,
}
_INT64: Final = range(-(2**63), 2**63)  # beyond it a collector refuses the span and its company


class SpanMaker:
    """Makes spans; knows what of the content may be kept."""

    def __init__(
        self,
        *,
        telemetry_names: Mapping[str, str],
        clean: Callable[[str], str] | None,
    ) -> None:
        self._telemetry_names = telemetry_names
        self._clean = clean  # None: keep no content

    def spans(self, exchange: Exchange) -> list[Span]:
        """Return the spans of one ended exchange."""
        shared = [*_identity(exchange), *_fate(exchange)]
        spans = [
            self._client_span(exchange, number, attempt, shared)
            for number, attempt in enumerate(exchange.attempts, 1)
        ]
        return [self._server_span(exchange, shared), *spans]

    def _server_span(self, exchange: Exchange, shared: Attributes) -> Span:
        attributes = [*_http(exchange.method, exchange.route, exchange.status), *shared]
        if not exchange.attempts and exchange.request is not None:
            attributes += [*self._call(exchange, exchange.target), *self._answered(exchange)]
        trace = exchange.trace
        return _span(
            exchange,
            span_id=trace.span_id,
            parent=trace.parent_span_id,
            name=f"{exchange.method} {exchange.route}",
            kind=_SERVER,
            start=exchange.started_unix_ns,
            end=exchange.ended_unix_ns,
            attributes=attributes,
            failed=exchange.status >= 500 or exchange.outcome in _BROKEN,
        )

    def _client_span(
        self, exchange: Exchange, number: int, attempt: Attempt, shared: Attributes
    ) -> Span:
        attributes = [
            *self._call(exchange, attempt.target),
            *shared,
            *_attempt(number, attempt.host, attempt.port, attempt.status),
        ]
        if attempt is exchange.attempts[-1]:  # tokens and cost count once, where they came from
            attributes += self._answered(exchange)
        if attempt.first_byte_s is not None and exchange.request and exchange.request.stream:
            attributes.append(_real(names.RESPONSE_TIME_TO_FIRST_CHUNK, attempt.first_byte_s))
        return _span(
            exchange,
            span_id=attempt.span_id,
            parent=exchange.trace.span_id,
            name=f"chat {attempt.target.model}",
            kind=_CLIENT,
            start=attempt.started_unix_ns,
            end=attempt.ended_unix_ns or exchange.ended_unix_ns,
            attributes=attributes,
            failed=bool(attempt.error_type) or exchange.outcome not in {"complete", "cached"},
        )

    def _call(self, exchange: Exchange, target: Target | None) -> Attributes:
        request = exchange.request
        provider = ""
        if target is not None:
            provider = self._telemetry_names.get(target.provider, target.provider)
        attributes = [*_operation(provider)]
        if isinstance(request, ChatRequest):
            attributes += _request(request, target.model if target else request.model)
        return attributes

    def _answered(self, exchange: Exchange) -> Attributes:
        attributes = _answer(exchange)
        if self._clean is not None and isinstance(exchange.request, ChatRequest):
            attributes += _content(exchange, exchange.request, self._clean)
        return attributes


def _request(request: ChatRequest, model: str) -> Attributes:
    attributes = [_text(names.REQUEST_MODEL, model)]
    if request.stream:
        attributes.append({"key": names.REQUEST_STREAM, "value": {"boolValue": True}})
    document = request.document
    attributes += _numbers(document)
    stop = document.get("stop")
    if isinstance(stop, (str, list)) and stop:
        sequences = [stop] if isinstance(stop, str) else stop
        attributes.append(_texts(names.REQUEST_STOP_SEQUENCES, sequences))
    wanted = document.get("response_format")
    if isinstance(wanted, dict):
        kind = "text" if wanted.get("type") == "text" else "json"
        attributes.append(_text(names.OUTPUT_TYPE, kind))
    return attributes


def _numbers(document: Mapping[str, object]) -> Attributes:
    reals = ((name, document.get(field)) for field, name in _REAL_FIELDS.items())
    attributes = [
        _real(name, float(value))
        for name, value in reals
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    ]
    limit = document.get("max_completion_tokens")
    n = document.get("n")
    wholes = (
        (names.REQUEST_MAX_TOKENS, document.get("max_tokens") if limit is None else limit),
        (names.REQUEST_SEED, document.get("seed")),
        (names.REQUEST_CHOICE_COUNT, None if n == 1 else n),
    )
    attributes += [_whole(k, v) for k, v in wholes if type(v) is int and v in _INT64]
    return attributes


def _answer(exchange: Exchange) -> Attributes:
    attributes: Attributes = []
    summary = exchange.summary
    if summary is not None:
        for name, value in (
            (names.RESPONSE_ID, summary.response_id),
            (names.RESPONSE_MODEL, summary.model),
            (names.OPENAI_SYSTEM_FINGERPRINT, summary.system_fingerprint),
            (names.OPENAI_SERVICE_TIER, summary.service_tier),
        ):
            if value:
                attributes.append(_text(name, value))
        if summary.finish_reasons:
            attributes.append(_texts(names.RESPONSE_FINISH_REASONS, summary.finish_reasons))
    attributes += _usage(exchange)
    if exchange.cost_nanousd is not None:
        attributes.append(_text(names.COST_USD, usd(exchange.cost_nanousd)))
        attributes.append(_real(names.USAGE_COST, exchange.cost_nanousd / 1e9))
    return attributes


def _usage(exchange: Exchange) -> Attributes:
    usage = exchange.usage
    if usage is None:
        return []
    attributes = [
        _whole(names.USAGE_INPUT_TOKENS, usage.input_tokens),
        _whole(names.USAGE_OUTPUT_TOKENS, usage.output_tokens),
        _text(names.USAGE_SOURCE, usage.source),
    ]
    if usage.cache_read_tokens:
        attributes.append(_whole(names.USAGE_CACHE_READ_TOKENS, usage.cache_read_tokens))
    if usage.cache_write_tokens:
        attributes.append(_whole(names.USAGE_CACHE_WRITE_TOKENS, usage.cache_write_tokens))
        attributes.append(_whole(names.USAGE_CACHE_CREATION_TOKENS, usage.cache_write_tokens))
    if usage.reasoning_tokens:
        attributes.append(_whole(names.USAGE_REASONING_TOKENS, usage.reasoning_tokens))
    return attributes


def _identity(exchange: Exchange) -> Attributes:
    attributes = [_text(names.REQUEST_ID, exchange.request_id)]
    if exchange.identity is not None:
        attributes += _key(exchange.identity.key_id, exchange.identity.key_name)
    caller = exchange.caller
    if caller.user:
        attributes.append(_text(names.USER_ID, caller.user))
    if caller.session:
        attributes.append(_text(names.SESSION_ID, caller.session))
    if caller.tags:
        attributes.append(_texts(names.TAGS, list(caller.tags)))
    attributes += [_text(names.METADATA_PREFIX + k, v) for k, v in caller.metadata.items()]
    return attributes


def _fate(exchange: Exchange) -> Attributes:
    attributes = [
        *_outcome(exchange.outcome, exchange.cache),
        _whole(names.BYTES_IN, exchange.bytes_in),
        _whole(names.BYTES_OUT, exchange.bytes_out),
    ]
    if exchange.error_type:
        attributes.append(_text(names.ERROR_TYPE, exchange.error_type))
    if exchange.refusal is not None:
        attributes.append(_text(names.POLICY_BLOCKED, exchange.refusal.policy))
    if exchange.redactions:
        attributes.append(_whole(names.POLICY_REDACTED, exchange.redactions))
    for decision in exchange.decisions:
        said = f"{decision.verdict}: {decision.detail}" if decision.detail else decision.verdict
        attributes.append(_text(names.POLICY_PREFIX + decision.policy, said))
    return attributes


# Attributes that thousands of spans share are made once.


@lru_cache(maxsize=256)
def _http(method: str, route: str, status: int) -> tuple[Attribute, ...]:
    line = (_text(names.HTTP_METHOD, method), _text(names.HTTP_ROUTE, route))
    return (*line, _whole(names.HTTP_STATUS, status)) if status else line


@lru_cache(maxsize=256)
def _operation(provider: str) -> tuple[Attribute, ...]:
    operation = (
        _text(names.OPERATION_NAME, "chat"),
        _text(names.OPENAI_API_TYPE, "chat_completions"),
    )
    return (*operation, _text(names.PROVIDER_NAME, provider)) if provider else operation


@lru_cache(maxsize=256)
def _attempt(number: int, host: str, port: int, status: int) -> tuple[Attribute, ...]:
    attempt = (
        _whole(names.ATTEMPT, number),
        _text(names.SERVER_ADDRESS, host),
        _whole(names.SERVER_PORT, port),
    )
    return (*attempt, _whole(names.HTTP_STATUS, status)) if status else attempt


@lru_cache(maxsize=4096)
def _key(key_id: str, key_name: str) -> tuple[Attribute, ...]:
    return (_text(names.KEY_ID, key_id), _text(names.KEY_NAME, key_name))


@lru_cache(maxsize=64)
def _outcome(outcome: str, cache: str) -> tuple[Attribute, ...]:
    return (_text(names.OUTCOME, outcome), _text(names.CACHE, cache))


def _content(exchange: Exchange, request: ChatRequest, clean: Callable[[str], str]) -> Attributes:
    attributes = [_json(names.INPUT_MESSAGES, input_messages(request.document, clean))]
    if exchange.summary is not None and exchange.summary.output_messages:
        attributes.append(
            _json(names.OUTPUT_MESSAGES, output_messages(exchange.summary.output_messages, clean))
        )
    if tools := tool_definitions(request.document):
        attributes.append(_json(names.TOOL_DEFINITIONS, tools))
    return attributes


def _span(  # noqa: PLR0913 - one parameter per field of an OTLP span
    exchange: Exchange,
    *,
    span_id: str,
    parent: str,
    name: str,
    kind: int,
    start: int,
    end: int,
    attributes: Attributes,
    failed: bool,
) -> Span:
    return {
        "traceId": exchange.trace.trace_id,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(max(start, end)),
        "attributes": attributes,
        "status": _ERROR if failed else _UNSET,
    }


def _text(key: str, value: str) -> dict[str, object]:
    return {"key": key, "value": {"stringValue": value}}


def _whole(key: str, value: int) -> dict[str, object]:
    return {"key": key, "value": {"intValue": str(value)}}


def _real(key: str, value: float) -> dict[str, object]:
    return {"key": key, "value": {"doubleValue": value}}


def _texts(key: str, values: list[str]) -> dict[str, object]:
    return {
        "key": key,
        "value": {"arrayValue": {"values": [{"stringValue": str(v)} for v in values]}},
    }


def _json(key: str, value: object) -> dict[str, object]:
    return _text(key, orjson.dumps(value).decode())
