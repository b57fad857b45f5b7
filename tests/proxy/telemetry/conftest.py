"""A collector that listens, and what the telemetry's parts complained of."""

from collections.abc import AsyncIterator

import pytest
from tests.proxy.telemetry.collector import FakeCollector

from tollkeeper_proxy.upstream.http import HttpUpstream
from tollkeeper_proxy.upstream.pool import ConnectionPool


@pytest.fixture
async def collector() -> AsyncIterator[FakeCollector]:
    fake = FakeCollector()
    await fake.open()
    yield fake
    await fake.close()


@pytest.fixture
async def upstream() -> AsyncIterator[HttpUpstream]:
    pool = ConnectionPool()
    yield HttpUpstream(pool)
    pool.close()


@pytest.fixture
def complaints() -> list[str]:
    return []
