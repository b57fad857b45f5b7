"""The verb ``tollkeeper keys``: make, list and revoke virtual keys."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import BaseModel, ConfigDict
from rich.table import Table

from tollkeeper.cli import options
from tollkeeper.cli.output import show_table
from tollkeeper.config import Environment, Flags, read_settings
from tollkeeper.control import BudgetPeriod, KeyRecord, KeyStore
from tollkeeper.control.schema import migrate
from tollkeeper.control.settings import ControlSettings
from tollkeeper.errors import UseError
from tollkeeper.pricing import NANO_PER_USD

app = typer.Typer(help="Make, list and revoke virtual keys.", no_args_is_help=False)


class KeysSettings(BaseModel):
    """What these verbs read of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    control: ControlSettings = ControlSettings()


@app.command()
def create(  # one per option of the verb
    name: Annotated[str, typer.Option(help="What to call the key.")],
    *,
    tenant: Annotated[str, typer.Option(help="Whom its calls belong to.")] = "default",
    role: Annotated[
        Literal["member", "viewer", "admin"], typer.Option(help="What it may do.")
    ] = "member",
    budget_usd: Annotated[
        str | None, typer.Option(help="What it may spend in a period, in USD.")
    ] = None,
    budget_period: Annotated[
        Literal["day", "month", "total"], typer.Option(help="What the budget is for.")
    ] = "month",
    expires_days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="How many days it is good for.")
    ] = None,
    data: options.Data = None,
    config: options.Config = None,
) -> None:
    """Make a key; its last line of output is the key, shown this once."""
    budget = None if budget_usd is None else nanousd(budget_usd)
    expires = None if expires_days is None else datetime.now(UTC) + timedelta(days=expires_days)
    store = _open(config, data)
    key, record = store.create(
        name,
        tenant_id=tenant,
        role=role,
        budget_nanousd=budget,
        budget_period=budget_period,
        expires_at=expires,
    )
    store.close()
    typer.echo(f"{record.name}: {record.role} of {record.tenant_id}, {_budget(record)}")
    typer.echo("Keep it now; only its digest is stored:")
    typer.echo(key)


@app.command("list")
def show(data: options.Data = None, config: options.Config = None) -> None:
    """List every key, oldest first; never the keys themselves."""
    store = _open(config, data)
    records = store.list()
    store.close()
    table = Table("id", "name", "key", "tenant", "role", "budget", "state", box=None)
    for record in records:
        table.add_row(
            record.key_id,
            record.name,
            f"{record.shown_prefix}…",
            record.tenant_id,
            record.role,
            _budget(record),
            _state(record),
        )
    show_table(table)


@app.command()
def revoke(
    which: Annotated[str, typer.Argument(metavar="NAME", help="Its name, id or shown prefix.")],
    data: options.Data = None,
    config: options.Config = None,
) -> None:
    """End a key, at once and for good."""
    store = _open(config, data)
    record = store.revoke(which)
    store.close()
    typer.echo(f"revoked {record.name} ({record.shown_prefix}…)")


def nanousd(text: str) -> int:
    """Return an amount of USD in nano-dollars; raises UseError when it is none."""
    try:
        amount = Decimal(text) * NANO_PER_USD
    except InvalidOperation:
        raise UseError(f"--budget-usd: '{text}' is not an amount of money") from None
    if not amount.is_finite() or amount < 0 or amount != amount.to_integral_value():
        raise UseError("--budget-usd: expected zero or more USD with at most 9 decimals")
    return int(amount)


def _open(config: Path | None, data: Path | None) -> KeyStore:
    flags = Flags(config=config, data=data)
    settings, _ = read_settings(KeysSettings, Environment.of_process(), flags=flags)
    migrate(settings.control.url)
    return KeyStore(settings.control.url)


def _budget(record: KeyRecord) -> str:
    if record.budget_nanousd is None:
        return "no budget"
    words: dict[BudgetPeriod, str] = {"day": "a day", "month": "a month", "total": "in total"}
    usd = Decimal(record.budget_nanousd) / NANO_PER_USD
    return f"{usd.normalize():f} USD {words[record.budget_period]}"


def _state(record: KeyRecord) -> str:
    if record.revoked_at is not None:
        return f"revoked {record.revoked_at:%Y-%m-%d}"
    if record.expires_at is None:
        return "live"
    word = "until" if record.is_live(datetime.now(UTC)) else "expired"
    return f"{word} {record.expires_at:%Y-%m-%d}"
