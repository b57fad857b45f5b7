"""The ClickHouse HTTP interface, read-only and within the caller's tenant, over either shape.

A request is authenticated, its statement is taken apart by the engine's own parser, held against
what readers may use, put together again and run by a client that sees one tenant's rows only.
"""

from tollkeeper_collector.sql.credentials import Keys
from tollkeeper_collector.sql.endpoint import sql_app
from tollkeeper_collector.sql.limits import SqlLimits

__all__ = ["Keys", "SqlLimits", "sql_app"]
