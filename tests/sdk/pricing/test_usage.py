"""What counts of one call can and cannot say together."""

import pytest

from tollkeeper.pricing import Usage


@pytest.mark.parametrize(
    ("read", "write", "contradicts"),
    [(0, 0, False), (10, 0, False), (6, 4, False), (6, 5, True), (0, 11, True)],
)
def test_more_cached_than_input_tokens_contradict(read: int, write: int, contradicts: bool) -> None:
    usage = Usage(10, 1, cache_read_tokens=read, cache_write_tokens=write)
    assert usage.contradicts is contradicts
