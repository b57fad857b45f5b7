"""Virtual keys: a digest, what it opens, and what it may spend."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "keys",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("shown_prefix", sa.String(16), nullable=False),
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("budget_limit_nanousd", sa.BigInteger, nullable=True),
        sa.Column("budget_period", sa.String(8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('member', 'viewer', 'admin')", name="keys_role"),
        sa.CheckConstraint("budget_period IN ('day', 'month', 'total')", name="keys_budget_period"),
        sa.CheckConstraint("budget_limit_nanousd >= 0", name="keys_budget_limit"),
    )
    op.create_index("keys_tenant_name", "keys", ["tenant_id", "name"])
