"""A SQL port over either shape of the store, with rows of two tenants that must not meet."""

from collections.abc import Iterator

import pytest
from tests.collector.sql.port import SqlPort
from tests.collector.sql.tenants import fill

from tollkeeper_collector.sql import SqlLimits
from tollkeeper_collector.sql.limits import Bounds
from tollkeeper_collector.store.clickhouse import ClickHouseStore
from tollkeeper_collector.store.opening import Engine

LIMITS = SqlLimits(tenant=Bounds(5, 200_000, 10_000_000, 500_000_000, 0), wait_s=30)


@pytest.fixture(scope="module")
def sql_port(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlPort]:
    store = ClickHouseStore(engine)
    fill(store)
    store.close()
    port = SqlPort(engine, tmp_path_factory.mktemp("keys"), LIMITS)
    yield port
    port.stop()
