"""What an exported call consists of: names, kinds and order, the same in every format.

``version`` is left out: it says when a row was stored, not what happened.
"""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["text", "number", "money", "time", "texts"]


@dataclass(frozen=True, slots=True)
class Column:
    """One exported column; ``sql`` is how it is read, ``type`` what it is in ClickHouse."""

    name: str
    kind: Kind
    type: str

    @property
    def sql(self) -> str:
        if self.type.startswith(("FixedString", "Enum8", "LowCardinality")):
            return f"toString({self.name}) AS {self.name}"
        return self.name


def _text(name: str, type_name: str = "String") -> Column:
    return Column(name, "text", type_name)


CALLS: Final = (
    _text("tenant_id", "LowCardinality(String)"),
    Column("ts", "time", "DateTime64(6, 'UTC')"),
    _text("trace_id", "FixedString(32)"),
    _text("span_id", "FixedString(16)"),
    _text("parent_span_id"),
    _text("request_id"),
    _text("service_name", "LowCardinality(String)"),
    _text("environment", "LowCardinality(String)"),
    _text("span_name", "LowCardinality(String)"),
    _text("source", "Enum8"),
    _text("dialect", "Enum8"),
    _text("operation", "LowCardinality(String)"),
    _text("provider", "LowCardinality(String)"),
    _text("request_model", "LowCardinality(String)"),
    _text("response_model", "LowCardinality(String)"),
    _text("response_id"),
    Column("finish_reasons", "texts", "Array(LowCardinality(String))"),
    Column("is_stream", "number", "UInt8"),
    Column("is_model_call", "number", "UInt8"),
    Column("duration_ns", "number", "UInt64"),
    Column("ttfc_ns", "number", "UInt64"),
    Column("has_usage", "number", "UInt8"),
    Column("usage_repaired", "number", "UInt8"),
    _text("usage_source", "LowCardinality(String)"),
    Column("input_tokens", "number", "UInt32"),
    Column("cache_read_tokens", "number", "UInt32"),
    Column("cache_write_tokens", "number", "UInt32"),
    Column("output_tokens", "number", "UInt32"),
    Column("reasoning_tokens", "number", "UInt32"),
    Column("cost_usd", "money", "Nullable(Decimal(18, 12))"),
    _text("status", "Enum8"),
    _text("error_type", "LowCardinality(String)"),
    Column("http_status", "number", "UInt16"),
    _text("outcome", "LowCardinality(String)"),
    _text("cache", "LowCardinality(String)"),
    _text("blocked_by", "LowCardinality(String)"),
    Column("redactions", "number", "UInt32"),
    Column("attempt", "number", "UInt8"),
    Column("bytes_in", "number", "UInt64"),
    Column("bytes_out", "number", "UInt64"),
    _text("key_id", "LowCardinality(String)"),
    _text("key_name", "LowCardinality(String)"),
    _text("user_id"),
    _text("session_id"),
    Column("tags", "texts", "Array(String)"),
    _text("agent_name", "LowCardinality(String)"),
    _text("tool_name", "LowCardinality(String)"),
    _text("prompt_name", "LowCardinality(String)"),
    _text("prompt_version", "LowCardinality(String)"),
    _text("input_preview"),
    _text("output_preview"),
)
