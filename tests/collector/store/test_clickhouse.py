"""What every shape of the store promises: the same tests over chDB and over HTTP."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.collector.store.spans import DAY_NS, NOON_NS, Span, block, call

from tollkeeper_collector.store import Block, StoreRefused, StoreUnavailable
from tollkeeper_collector.store.clickhouse import ClickHouseStore


def count(store: ClickHouseStore, table: str, where: str = "1") -> int:
    client = store.engine.client()
    rows = client.query(f"SELECT count() FROM otel.{table} WHERE {where}").result_rows
    client.close()
    return int(rows[0][0])


def test_keeps_a_block_and_makes_a_typed_call_of_each_span(store: ClickHouseStore) -> None:
    store.insert(block([call(1), call(2), Span(3)]))
    assert count(store, "otel_traces") == 3
    assert count(store, "llm_calls") == 2
    assert count(store, "otel_traces_trace_id_ts") == 1


def test_keeps_a_block_that_is_sent_twice_once_also_behind_the_views(
    store: ClickHouseStore,
) -> None:
    twice = block([call(n) for n in range(100)])
    store.insert(twice)
    store.insert(twice)
    assert count(store, "otel_traces") == 100
    assert count(store, "llm_calls") == 100


def test_sees_the_same_span_in_other_blocks_once_in_the_calls(store: ClickHouseStore) -> None:
    store.insert(block([call(n) for n in range(10)]))
    store.insert(block([call(n) for n in reversed(range(5))]))
    assert count(store, "otel_traces") == 15
    assert count(store, "llm_calls FINAL") == 10


def test_refuses_a_value_that_fits_no_column_and_keeps_nothing_of_the_block(
    store: ClickHouseStore,
) -> None:
    good = block([call(1), call(2)])
    data = list(good.data)
    data[0] = [NOON_NS, "not a time"]
    with pytest.raises(StoreRefused):
        store.insert(Block(good.table, good.columns, tuple(data), "bad"))
    assert count(store, "otel_traces") == 0


def test_refuses_a_block_over_too_many_days_and_takes_its_halves(store: ClickHouseStore) -> None:
    spans = [Span(n, at_ns=NOON_NS - n * DAY_NS) for n in range(120)]
    with pytest.raises(StoreRefused):
        store.insert(block(spans))
    store.insert(block(spans[:60]))
    store.insert(block(spans[60:]))


def test_waits_rather_than_refuses_when_the_table_is_not_there_yet(store: ClickHouseStore) -> None:
    with pytest.raises(StoreUnavailable):
        store.insert(Block("not_yet", ("a",), ([1],), "token"))


def test_works_again_after_a_failure(store: ClickHouseStore) -> None:
    with pytest.raises(StoreUnavailable):
        store.insert(Block("not_yet", ("a",), ([1],), "token"))
    store.insert(block([call(1)]))
    assert count(store, "llm_calls") == 1


def test_keeps_text_exactly_as_it_was(store: ClickHouseStore) -> None:
    nasty = "tab\tnewline\nquote'\"\\ \0 \u202e 😀 " + "x" * 40_000
    store.insert(block([Span(1, attributes={"nasty": nasty, "": "empty key"})]))
    client = store.engine.client()
    rows = client.query("SELECT SpanAttributes FROM otel.otel_traces").result_rows
    client.close()
    assert rows[0][0] == {"nasty": nasty, "": "empty key"}


def test_is_read_while_it_is_written(store: ClickHouseStore) -> None:
    blocks = [block([call(1000 * b + n) for n in range(200)]) for b in range(10)]

    def read() -> list[int]:
        return [count(store, "llm_calls") for _ in range(20)]

    with ThreadPoolExecutor(2) as threads:
        reading = threads.submit(read)
        for each in blocks:
            store.insert(each)
        counts = reading.result()
    assert counts == sorted(counts)
    assert all(n % 200 == 0 for n in counts)  # a block is there whole or not at all
    assert count(store, "llm_calls") == 2000
