"""Rows of two tenants in every table: alpha's say 1, the other's a word alpha must never read."""

from tests.collector.store.spans import DAY_NS, NOON_NS, SECOND_NS, Span, block, call

from tollkeeper_collector.rollups import Rollups
from tollkeeper_collector.store import Block
from tollkeeper_collector.store.clickhouse import ClickHouseStore

SECRET = "OTHER-SECRET"  # a word to look for
TENANTS = {"alpha": "1", "othertenant": SECRET}
ROWS = 3000  # of each tenant: granules of 8192 rows hold both


def fill(store: ClickHouseStore) -> None:
    """Store the same number of rows of either tenant in each table, interleaved in time."""
    for offset, (tenant, word) in enumerate(TENANTS.items()):
        spans = [_span(2 * n + offset, tenant, word) for n in range(ROWS)]
        store.insert(block(spans))
        store.insert(_logs(tenant, word))
        store.insert(_content(tenant, word))
        store.insert(_messages(tenant, word))
    Rollups(store.engine).run_once()


def _span(number: int, tenant: str, word: str) -> Span:
    said = {"user__id": word, "session__id": word, "gen_ai__response__id": f"{word}-{number}"}
    return call(
        number,
        tenant=tenant,
        at_ns=NOON_NS + number * SECOND_NS,
        **said,
        gen_ai__response__model=f"model-{word}",
        tollkeeper__key__name=f"key-{word}",
        tollkeeper__input__preview=word,
    )


def _logs(tenant: str, word: str) -> Block:
    resource = {"tollkeeper.tenant.id": tenant}
    attributes = {"gen_ai.evaluation.name": word, "gen_ai.evaluation.explanation": word}
    columns = ("Timestamp", "Body", "ResourceAttributes", "LogAttributes", "EventName")
    data = ([NOON_NS], [word], [resource], [attributes], ["gen_ai.evaluation.result"])
    return Block("otel_logs", columns, data, f"logs-{tenant}")


def _content(tenant: str, word: str) -> Block:
    columns = ("tenant_id", "day", "content_hash", "content")
    return Block(
        "llm_content", columns, ([tenant], [NOON_NS // DAY_NS], [b"h" * 32], [word]), f"c-{tenant}"
    )


def _messages(tenant: str, word: str) -> Block:
    columns = ("tenant_id", "ts", "trace_id", "span_id", "kind", "seq", "role", "content_hash")
    data = (
        [tenant], [NOON_NS // 1000], [b"0" * 32], [b"0" * 16], ["input"], [0], [word], [b"h" * 32],
    )  # fmt: skip
    return Block("llm_call_messages", columns, data, f"m-{tenant}")
