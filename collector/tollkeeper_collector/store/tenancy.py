"""Which column of which table says whose row it is, and the row policies that hold readers to it.

The engine applies a row policy before any expression of the query sees a row. A filter merely added
to the query does not hold: its errors and its optimiser show rows the filter was to hide.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final
from xml.sax.saxutils import escape

DATABASE: Final = "otel"
TENANT_COLUMN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "otel_traces": "TenantId",
        "otel_traces_trace_id_ts": "TenantId",
        "otel_logs": "TenantId",
        "llm_calls": "tenant_id",
        "llm_usage_hourly": "tenant_id",
        "llm_usage_daily": "tenant_id",
        "llm_evaluations": "tenant_id",
        "llm_content": "tenant_id",
        "llm_call_messages": "tenant_id",
    }
)
# Nothing else reads these, but they are held to the same rule: a view shows its target's rows.
VIEW_COLUMN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "otel_traces_trace_id_ts_mv": "TenantId",
        "llm_calls_mv": "tenant_id",
        "llm_evaluations_mv": "tenant_id",
    }
)
NO_TENANT: Final = ("schema_migrations",)
POLICED: Final = (*TENANT_COLUMN, *VIEW_COLUMN, *NO_TENANT)
# A String setting that every ClickHouse knows and no query depends on: it carries the tenant into
# the policy. A custom setting would need the server's configuration, which chDB does not read.
TENANT_SETTING: Final = "log_comment"
ALL_TENANTS: Final = "*"  # not a possible tenant id
POLICY: Final = "tollkeeper_tenant"


def condition(table: str) -> str:
    """Return what must hold for a row of a table to be seen; with no tenant set, none is."""
    setting = f"getSetting('{TENANT_SETTING}')"
    column = TENANT_COLUMN.get(table) or VIEW_COLUMN.get(table)
    everything = f"{setting} = '{ALL_TENANTS}'"
    return f"{everything} OR {column} = {setting}" if column else everything


def embedded_users() -> str:
    """Return the users file of the embedded engine: one user, one policy per table."""
    tables = "".join(
        f"<{table}><filter>{escape(condition(table))}</filter></{table}>" for table in POLICED
    )
    return (
        "<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users><default>"
        "<password/><networks><ip>::1</ip><ip>127.0.0.1</ip></networks>"
        "<profile>default</profile><quota>default</quota>"
        f"<databases><{DATABASE}>{tables}</{DATABASE}></databases>"
        "</default></users></clickhouse>\n"
    )


def server_policies() -> Iterator[str]:
    """Yield the statements that give a server the same policies, for the user that runs them.

    Other users of that server, such as somebody's own Grafana login, are left as they are.
    """
    for table in POLICED:
        yield (
            f"CREATE ROW POLICY OR REPLACE {POLICY} ON {DATABASE}.{table} "
            f"USING {condition(table)} TO CURRENT_USER"
        )
