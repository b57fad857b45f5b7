import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_collector.chunks import (
    Chunk,
    UnknownPayload,
    blocks,
    decode,
    encode,
    part,
    row_count,
)

ONE = Chunk(
    "otel_traces", 2, {"ServiceName": "a"}, {"TraceId": ["1", "2"], "Map": [{}, {"k": "v"}]}
)
OTHER = Chunk("otel_traces", 1, {"ServiceName": "b"}, {"TraceId": ["3"], "Map": [{}]})
LOG = Chunk("otel_logs", 1, {"ServiceName": "a"}, {"Body": ["x"]})


def test_a_payload_gives_back_its_chunks() -> None:
    assert decode(encode([ONE, LOG])) == [ONE, LOG]


def test_chunks_of_a_table_become_one_block() -> None:
    traces, logs = blocks([encode([ONE, LOG]), encode([OTHER])])
    assert (traces.table, traces.columns) == ("otel_traces", ("ServiceName", "TraceId", "Map"))
    assert traces.data == (["a", "a", "b"], ["1", "2", "3"], [{}, {"k": "v"}, {}])
    assert logs.table == "otel_logs"
    assert row_count(traces) == 3


def test_the_same_payloads_make_the_same_token_and_others_another() -> None:
    ours = [block.token for block in blocks([encode([ONE]), encode([OTHER])])]
    assert ours == [block.token for block in blocks([encode([ONE]), encode([OTHER])])]
    assert ours != [block.token for block in blocks([encode([OTHER]), encode([ONE])])]
    assert ours != [block.token for block in blocks([encode([ONE])])]


def test_tables_of_one_batch_have_tokens_of_their_own() -> None:
    traces, logs = blocks([encode([ONE, LOG])])
    assert traces.token != logs.token


@given(st.integers(0, 3), st.integers(0, 3))
def test_a_part_is_a_block_with_a_token_of_its_own(start: int, stop: int) -> None:
    [block] = blocks([encode([ONE]), encode([OTHER])])
    cut = part(block, start, stop)
    assert cut.data == tuple(column[start:stop] for column in block.data)
    assert cut.token != block.token


@pytest.mark.parametrize("payload", [b"", b"{}", b"[2,[]]", b"[1,[[1]]]", b"\xff", b"[1]"])
def test_refuses_what_is_not_a_payload(payload: bytes) -> None:
    with pytest.raises(UnknownPayload):
        decode(payload)
