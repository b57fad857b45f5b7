"""The migrations in, the page of every table and column out, as a fresh store really has them."""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.layout.reference.markdown import code, page, table

from tollkeeper_collector.migrations.runner import migrate, shipped
from tollkeeper_collector.store.opening import open_engine
from tollkeeper_collector.store.tenancy import DATABASE

CREATED: Final = re.compile(
    r"((?:^--.*\n)*)^CREATE (TABLE|VIEW|MATERIALIZED VIEW) IF NOT EXISTS " + DATABASE + r"\.(\w+)",
    re.MULTILINE,
)
LEAD: Final = f"""Database `{DATABASE}`, the same in chDB and in a ClickHouse server. Ask it on the
SQL port with anything that speaks ClickHouse over HTTP; you see the rows of your key's tenant."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column as the engine reports it."""

    table: str
    name: str
    type: str
    note: str


def text() -> str:
    """Return the page."""
    about = descriptions()
    parts: list[str] = []
    by_table: dict[str, list[Column]] = {}
    for column in columns():
        by_table.setdefault(column.table, []).append(column)
    for name in sorted(by_table):
        rows = [[code(each.name), code(each.type), each.note] for each in by_table[name]]
        parts += [f"## {name}", about.get(name, ""), table(["column", "type", "note"], rows)]
    return page("Tables", LEAD, [part for part in parts if part])


def columns() -> Iterator[Column]:
    """Yield every column of a freshly migrated store."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"chdb:///{Path(folder) / 'reference'}")
        migrate(engine)
        client = engine.client()
        try:
            rows = client.query(
                "SELECT c.table, c.name, c.type, c.comment FROM system.columns c"
                " JOIN system.tables t ON t.database = c.database AND t.name = c.table"
                " WHERE c.database = {database:String} AND t.engine != 'MaterializedView'"
                " ORDER BY c.table, c.position",
                parameters={"database": DATABASE},
            ).result_rows
        finally:
            client.close()
    yield from (Column(*row) for row in rows)


def descriptions() -> dict[str, str]:
    """Return what the comment above each table's definition says."""
    found: dict[str, str] = {}
    for migration in shipped():
        for match in CREATED.finditer(migration.text):
            lines = [line.removeprefix("--").strip() for line in match[1].splitlines()]
            found[match[3]] = " ".join(lines)
    return found
