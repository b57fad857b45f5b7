"""The verb ``tollkeeper export``: calls of a stretch of time into a file with a manifest."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tollkeeper.cli import options
from tollkeeper.config import Environment, Flags
from tollkeeper.config.places import find_places
from tollkeeper_collector.exports.export import Order, export
from tollkeeper_collector.exports.formats import Format
from tollkeeper_collector.exports.selection import selection
from tollkeeper_collector.exports.source import KEY_VARIABLE, find_port

app = typer.Typer(help="Write what was recorded into files.", no_args_is_help=False)


@app.callback()
def main() -> None:
    """Write what was recorded into files."""  # makes 'calls' a verb of its own, not the whole


@app.command()
def calls(  # noqa: PLR0913  # one per option of the verb
    start: Annotated[str, typer.Option("--from", help="First day or instant, UTC.")],
    end: Annotated[str, typer.Option("--to", help="Up to here, not including it.")],
    *,
    file_format: Annotated[Format, typer.Option("--format", help="How to write it.")] = "csv",
    out: Annotated[
        Path | None, typer.Option(help="The file; otherwise named by its range.")
    ] = None,
    model: Annotated[str, typer.Option(help="Only this model, asked for or answering.")] = "",
    key_name: Annotated[str, typer.Option(help="Only calls with this key.")] = "",
    user: Annotated[str, typer.Option(help="Only calls of this user.")] = "",
    raw: Annotated[bool, typer.Option(help="CSV without the guard against formulas.")] = False,
    force: Annotated[bool, typer.Option(help="Replace a file that is there.")] = False,
    url: Annotated[str, typer.Option(help="A SQL port elsewhere, as http://host:port.")] = "",
    key: Annotated[str, typer.Option(help=f"The key; otherwise {KEY_VARIABLE}.")] = "",
    data: options.Data = None,
) -> None:
    """Export the calls of a range: CSV, JSON lines or Parquet, with a manifest beside it."""
    environment = Environment.of_process()
    chosen = selection(start, end, model=model, key_name=key_name, user=user)
    folder = find_places(environment, Flags(data=data)).data
    address = find_port(folder, url=url, key=key or environment.get(KEY_VARIABLE) or "")
    file = out or Path(f"calls_{chosen.start:%Y-%m-%d}_{chosen.end:%Y-%m-%d}.{file_format}")
    order = Order(chosen, file, file_format, raw=raw, force=force)
    written = export(order, address, now=datetime.now(UTC))
    typer.echo(f"{file}: {written.rows} calls, SHA-256 {written.sha256}")
