"""Applies the numbered SQL files that an engine has not seen, then policies and retention.

Every statement may run twice, so two collectors that start at once do no harm; a file that was
applied and then edited is refused, because nobody could say any more what the tables look like.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error

from tollkeeper.errors import ConfigError
from tollkeeper_collector.migrations.retention import Retention, ttl_changes
from tollkeeper_collector.store import StoreUnavailable
from tollkeeper_collector.store.failure import first_line
from tollkeeper_collector.store.opening import Engine
from tollkeeper_collector.store.tenancy import DATABASE, server_policies

NAME: Final = re.compile(r"(\d{4})_[a-z_]+\.sql")
END_OF_STATEMENT: Final = re.compile(r";\s*(?:\n|$)")
LEDGER: Final = f"{DATABASE}.schema_migrations"


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file; the checksum is the SHA-256 of its text, in hex."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        return [part.strip() for part in END_OF_STATEMENT.split(self.text) if part.strip()]


def shipped() -> list[Migration]:
    """Return the migrations that come with this version, in order."""
    found = [
        Migration(int(match.group(1)), file.name, file.read_text(encoding="utf-8"))
        for file in files(__package__).iterdir()
        if (match := NAME.fullmatch(file.name))
    ]
    return sorted(found, key=lambda migration: migration.number)


def pending(migrations: list[Migration], applied: dict[int, str]) -> Iterator[Migration]:
    """Yield what is still to run; ConfigError when an applied file has another checksum now."""
    newest = max((migration.number for migration in migrations), default=0)
    if applied and max(applied) > newest:
        raise ConfigError(f"the store is of a later version (migration {max(applied)} > {newest})")
    for migration in migrations:
        checksum = applied.get(migration.number)
        if checksum is None:
            yield migration
        elif checksum != migration.checksum:
            raise ConfigError(f"migration {migration.name} was changed after it had been applied")


def migrate(
    engine: Engine,
    retention: Retention = Retention(),  # noqa: B008  # frozen: a default cannot be altered
    migrations: list[Migration] | None = None,
) -> list[str]:
    """Bring the store to this version and return the names of what was applied.

    Raises StoreUnavailable when the store cannot be asked, ConfigError when it must not be touched.
    """
    client = engine.client()
    try:
        done = _apply(client, shipped() if migrations is None else migrations)
        if not engine.embedded:
            _run_all(client, server_policies())
        _run_all(client, ttl_changes(retention, _definitions(client)))
    except Error as failure:
        raise StoreUnavailable(f"storage {engine.shown_url}: {first_line(failure)}") from failure
    finally:
        client.close()
    return done


def _apply(client: Client, migrations: list[Migration]) -> list[str]:
    client.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
    client.command(
        f"CREATE TABLE IF NOT EXISTS {LEDGER} (number UInt32, name String, checksum String,"
        " applied_at DateTime64(3, 'UTC') DEFAULT now64(3))"
        " ENGINE = ReplacingMergeTree(applied_at) ORDER BY number"
    )
    rows = client.query(f"SELECT number, checksum FROM {LEDGER} FINAL").result_rows
    done = []
    for migration in pending(migrations, {row[0]: row[1] for row in rows}):
        _run_all(client, iter(migration.statements))
        row = [migration.number, migration.name, migration.checksum]
        client.insert(LEDGER, [row], column_names=["number", "name", "checksum"])
        done.append(migration.name)
    return done


def _run_all(client: Client, statements: Iterator[str]) -> None:
    for statement in statements:
        client.command(statement)


def _definitions(client: Client) -> dict[str, str]:
    rows = client.query(
        "SELECT name, create_table_query FROM system.tables WHERE database = {database:String}",
        parameters={"database": DATABASE},
    ).result_rows
    return {row[0]: row[1] for row in rows}
