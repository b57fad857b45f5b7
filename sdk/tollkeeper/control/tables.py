"""The tables of the control data, as every query sees them; the migrations make them."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Index,
    MetaData,
    String,
    Table,
    TypeDecorator,
)


class Instant(TypeDecorator[datetime]):
    """A moment in UTC; SQLite forgets time zones, so they are taken off and put back here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


METADATA = MetaData()

KEYS = Table(
    "keys",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("shown_prefix", String(16), nullable=False),
    Column("tenant_id", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("budget_limit_nanousd", BigInteger, nullable=True),
    Column("budget_period", String(8), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=True),
    Column("revoked_at", Instant, nullable=True),
    CheckConstraint("role IN ('member', 'viewer', 'admin')", name="keys_role"),
    CheckConstraint("budget_period IN ('day', 'month', 'total')", name="keys_budget_period"),
    CheckConstraint("budget_limit_nanousd >= 0", name="keys_budget_limit"),
    Index("keys_tenant_name", "tenant_id", "name"),
)
