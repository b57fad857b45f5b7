"""Control data: who may call, as rows in SQLite or PostgreSQL.

A URL goes in, typed records come out; SQL stays inside. It knows nothing of HTTP.
"""

from tollkeeper.control.keys import BudgetPeriod, KeyRecord, KeyStore

__all__ = ["BudgetPeriod", "KeyRecord", "KeyStore"]
