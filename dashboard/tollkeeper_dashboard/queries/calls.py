"""The list of calls: the newest of a range that fit what was chosen, a page at a time."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from tollkeeper_dashboard.client import Asks, Row
from tollkeeper_dashboard.queries.reading import items, moment, price, text, whole
from tollkeeper_dashboard.queries.scope import CALLS, FATE, KEY, MODEL, Scope

Fate = Literal["", "ok", "failed", "blocked", "cached"]

PAGE: Final = 100
COLUMNS: Final = f"""
  ts, trace_id, span_id, operation, provider, {MODEL} AS called_model, {KEY} AS called_key,
  user_id, session_id, {FATE} AS fate, error_type, blocked_by, http_status, duration_ns, ttfc_ns,
  has_usage, input_tokens, output_tokens, cost_usd, cache, redactions, is_stream, input_preview,
  tags
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the list shows it; ``cost_usd`` None: nobody knows the price."""

    at: datetime
    trace_id: str
    span_id: str
    operation: str
    provider: str
    model: str
    key: str
    user: str
    session: str
    fate: str
    error_type: str
    blocked_by: str
    http_status: int
    duration_ns: int
    first_chunk_ns: int
    has_usage: bool
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    cache: str
    redactions: int
    is_stream: bool
    preview: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """What a call has to be to be listed; "" means anything."""

    fate: Fate = ""
    session: str = ""
    text: str = ""  # the beginning of an id, or a word of the prompt's beginning


def latest(store: Asks, scope: Scope, chosen: Filter, *, page: int = 0) -> list[Call]:
    """Return one page of calls, newest first, and one more if there is a next page."""
    sql = (
        f"SELECT {COLUMNS} {CALLS} "
        f"AND ({{fate:String}} = '' OR {FATE} = {{fate:String}}) "
        "AND ({session:String} = '' OR session_id = {session:String}) "
        "AND ({text:String} = '' OR startsWith(trace_id, {text:String}) "
        "OR request_id = {text:String} OR response_id = {text:String} "
        "OR positionCaseInsensitiveUTF8(input_preview, {text:String}) > 0) "
        f"ORDER BY ts DESC, span_id LIMIT {PAGE + 1} OFFSET {{skip:UInt32}}"
    )
    parameters = {
        **scope.parameters,
        "fate": chosen.fate,
        "session": chosen.session,
        "text": chosen.text,
        "skip": PAGE * page,
    }
    return [call(row) for row in store.rows(sql, parameters)]


def of_trace(store: Asks, trace_id: str, tenant: str) -> list[Call]:
    """Return the calls of one trace, those of tools and agents too, in their order."""
    sql = (
        f"SELECT {COLUMNS} FROM otel.llm_calls FINAL "
        "WHERE trace_id = {trace_id:String} AND tenant_id = {tenant:String} "
        "ORDER BY ts, span_id LIMIT 1000"
    )
    return [call(row) for row in store.rows(sql, {"trace_id": trace_id, "tenant": tenant})]


def call(row: Row) -> Call:
    """Return a row of COLUMNS as a call."""
    return Call(
        at=moment(row["ts"]),
        trace_id=text(row["trace_id"]),
        span_id=text(row["span_id"]),
        operation=text(row["operation"]),
        provider=text(row["provider"]),
        model=text(row["called_model"]),
        key=text(row["called_key"]),
        user=text(row["user_id"]),
        session=text(row["session_id"]),
        fate=text(row["fate"]),
        error_type=text(row["error_type"]),
        blocked_by=text(row["blocked_by"]),
        http_status=whole(row["http_status"]),
        duration_ns=whole(row["duration_ns"]),
        first_chunk_ns=whole(row["ttfc_ns"]),
        has_usage=bool(row["has_usage"]),
        input_tokens=whole(row["input_tokens"]),
        output_tokens=whole(row["output_tokens"]),
        cost_usd=price(row["cost_usd"]),
        cache=text(row["cache"]),
        redactions=whole(row["redactions"]),
        is_stream=bool(row["is_stream"]),
        preview=text(row["input_preview"]),
        tags=tuple(text(tag) for tag in items(row["tags"])),
    )
