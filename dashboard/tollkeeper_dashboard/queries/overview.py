"""The questions of the overview: totals, the same over time, the same by model, key or user."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from tollkeeper_dashboard.client import Asks, Row
from tollkeeper_dashboard.queries.reading import decimal, items, moment, number, text, whole
from tollkeeper_dashboard.queries.scope import CALLS, DIMENSIONS, FATE, MODEL, Dimension, Scope

MOST_NAMES: Final = 50
COST: Final = "sum(ifNull(toDecimal128(cost_usd, 12), toDecimal128(0, 12)))"

# A retried request has one row per attempt: it is counted by its first.
SUMS: Final = f"""
  countIf(attempt <= 1) AS requests,
  countIf(attempt <= 1 AND {FATE} = 'failed') AS failed,
  countIf(attempt <= 1 AND {FATE} = 'blocked') AS blocked,
  countIf(attempt <= 1 AND {FATE} = 'cached') AS cached,
  countIf(attempt <= 1 AND redactions > 0) AS redacted,
  sumIf(input_tokens, is_model_call = 1) AS tokens_in,
  sumIf(output_tokens, is_model_call = 1) AS tokens_out,
  countIf(is_model_call = 1 AND has_usage = 0 AND {FATE} = 'ok') AS unmeasured,
  {COST} AS cost,
  countIf(is_model_call = 1 AND isNull(cost_usd) AND {FATE} = 'ok') AS unpriced,
  countIf(is_model_call = 1) AS timed,
  quantilesTDigestIf(0.5, 0.95, 0.99)(duration_ns, is_model_call = 1) AS quantiles
"""
BUCKET: Final = "toDateTime(intDiv(toUnixTimestamp(ts), {step_s:UInt32}) * {step_s:UInt32}, 'UTC')"


@dataclass(frozen=True, slots=True)
class Sums:
    """What some calls add up to; durations in nanoseconds, None where there was no call.

    ``cost_usd`` is exact and holds the known prices only; ``unpriced`` counts the answered calls
    it does not hold, ``unmeasured`` those whose tokens nobody reported.
    """

    requests: int = 0
    failed: int = 0
    blocked: int = 0
    cached: int = 0
    redacted: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    unmeasured: int = 0
    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0
    p50_ns: float | None = None
    p95_ns: float | None = None
    p99_ns: float | None = None

    @property
    def ok(self) -> int:
        return self.requests - self.failed - self.blocked - self.cached


@dataclass(frozen=True, slots=True)
class Moment:
    """The sums of one bucket of time."""

    at: datetime
    sums: Sums


@dataclass(frozen=True, slots=True)
class Part:
    """The sums of one model, key or user; ``name`` "" where there is none."""

    name: str
    sums: Sums


@dataclass(frozen=True, slots=True)
class Spent:
    """What one model cost in one bucket of time."""

    at: datetime
    model: str
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from in a range, by name."""

    models: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()


def totals(store: Asks, scope: Scope) -> Sums:
    """Return the sums of everything in scope."""
    (row,) = store.rows(f"SELECT {SUMS} {CALLS}", scope.parameters)
    return _sums(row)


def over_time(store: Asks, scope: Scope) -> list[Moment]:
    """Return the sums of every bucket of the range, empty ones too."""
    sql = f"SELECT {BUCKET} AS bucket, {SUMS} {CALLS} GROUP BY bucket ORDER BY bucket"
    rows = store.rows(sql, {**scope.parameters, "step_s": scope.time.step_s})
    known = {moment(row["bucket"]): _sums(row) for row in rows}
    return [Moment(at, known.get(at, Sums())) for at in scope.time.buckets()]


def by(store: Asks, scope: Scope, dimension: Dimension) -> list[Part]:
    """Return the sums of each model, key or user, the dearest and busiest first."""
    sql = (
        f"SELECT {DIMENSIONS[dimension]} AS name, {SUMS} {CALLS} GROUP BY name "
        f"ORDER BY cost DESC, requests DESC, name LIMIT {MOST_NAMES}"
    )
    return [Part(text(row["name"]), _sums(row)) for row in store.rows(sql, scope.parameters)]


def spending(store: Asks, scope: Scope) -> list[Spent]:
    """Return what each model cost in each bucket; only where it cost anything."""
    sql = (
        f"SELECT {BUCKET} AS bucket, {MODEL} AS name, {COST} AS cost {CALLS} "
        "GROUP BY bucket, name HAVING cost > 0 ORDER BY bucket, name LIMIT 10000"
    )
    rows = store.rows(sql, {**scope.parameters, "step_s": scope.time.step_s})
    return [Spent(moment(row["bucket"]), text(row["name"]), decimal(row["cost"])) for row in rows]


def choices(store: Asks, scope: Scope) -> Choices:
    """Return the names in a range, whatever is chosen of them now."""
    columns: dict[str, str] = {"tenant": "tenant_id"}
    columns.update((str(name), column) for name, column in DIMENSIONS.items())
    asked = ", ".join(
        f"arraySort(arrayFilter(x -> x != '', topK(100)({column}))) AS {name}s"
        for name, column in columns.items()
    )
    (row,) = store.rows(f"SELECT {asked} {CALLS}", Scope(scope.time).parameters)
    found = {name: tuple(text(each) for each in items(row[f"{name}s"])) for name in columns}
    return Choices(found["model"], found["key"], found["user"], found["tenant"])


def _sums(row: Row) -> Sums:
    p50, p95, p99 = (number(cell) for cell in items(row["quantiles"]))
    is_timed = whole(row["timed"]) > 0  # the quantiles of nothing may arrive as 0
    return Sums(
        requests=whole(row["requests"]),
        failed=whole(row["failed"]),
        blocked=whole(row["blocked"]),
        cached=whole(row["cached"]),
        redacted=whole(row["redacted"]),
        input_tokens=whole(row["tokens_in"]),
        output_tokens=whole(row["tokens_out"]),
        unmeasured=whole(row["unmeasured"]),
        cost_usd=decimal(row["cost"]),
        unpriced=whole(row["unpriced"]),
        p50_ns=p50 if is_timed else None,
        p95_ns=p95 if is_timed else None,
        p99_ns=p99 if is_timed else None,
    )


def is_new(store: Asks) -> bool:
    """Tell whether nothing was ever written into this book."""
    return not store.rows("SELECT 1 AS one FROM otel.llm_calls LIMIT 1", {})
