"""A receiver on loopback for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.collector.receiver_bench import ReceiverBench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ReceiverBench]:
    bench = ReceiverBench(tmp_path / "journal")
    yield bench
    bench.close()
