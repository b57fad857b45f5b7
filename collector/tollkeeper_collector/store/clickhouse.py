"""Blocks into ClickHouse, each exactly once: the store behind the seam, for both shapes.

It inserts whole columns in the native format and gives each block its content's hash as the
deduplication token, so that a block sent twice is kept once, in the views' targets too.
"""

from clickhouse_connect.datatypes.base import ClickHouseType
from clickhouse_connect.driver.client import Client

from tollkeeper_collector.store import Block
from tollkeeper_collector.store.failure import meaning
from tollkeeper_collector.store.opening import Engine, open_engine
from tollkeeper_collector.store.tenancy import DATABASE

Shape = tuple[str, tuple[str, ...]]  # a table and the columns that are written


class ClickHouseStore:
    """The analytics store behind one engine; one thread inserts at a time."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._client: Client | None = None
        self._types: dict[Shape, list[ClickHouseType]] = {}

    def insert(self, block: Block) -> None:
        """Keep a block exactly once; raise StoreUnavailable or StoreRefused."""
        client = self._connected()
        try:
            self._send(client, block)
        except Exception as failure:  # the exporter: drivers raise what they like
            self._types.pop((block.table, block.columns), None)  # the table may have changed
            raise meaning(failure) from failure

    def close(self) -> None:
        """Give back the inserting client; a later insert opens a new one."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connected(self) -> Client:
        if self._client is None:
            self._client = self.engine.client()
        return self._client

    def _send(self, client: Client, block: Block) -> None:
        shape = (block.table, block.columns)
        if shape not in self._types:
            self._types[shape] = _column_types(client, shape)
        client.insert(
            table=block.table,
            data=block.data,
            column_names=block.columns,
            column_types=self._types[shape],
            column_oriented=True,
            database=DATABASE,
            settings={
                "async_insert": 0,
                "insert_deduplication_token": block.token,
                "deduplicate_blocks_in_dependent_materialized_views": 1,
            },
        )


def open_store(url: str) -> ClickHouseStore:
    """Return the store a URL names; ConfigError for a bad URL, nothing is connected yet."""
    return ClickHouseStore(open_engine(url))


def _column_types(client: Client, shape: Shape) -> list[ClickHouseType]:
    table, columns = shape
    context = client.create_insert_context(table, list(columns), database=DATABASE)
    return list(context.column_types)
