"""The verb ``tollkeeper dashboard``: the pages in the foreground, or a new password for them."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from tollkeeper.config import Environment, Flags, find_places
from tollkeeper_dashboard.door.password import Password


def dashboard(
    config: Annotated[Path | None, typer.Option(help="The configuration file.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    sql_port: Annotated[int | None, typer.Option(help="Port of the SQL endpoint.")] = None,
    dashboard_port: Annotated[
        int | None, typer.Option(help="Port to serve on; 0 picks one.")
    ] = None,
    new_password: Annotated[
        bool, typer.Option("--new-password", help="Make a new password, show it once, and end.")
    ] = False,
) -> None:
    """Serve the pages, in the foreground."""
    environment = Environment.of_process()
    flags = Flags(config=config, data=data, sql_port=sql_port, dashboard_port=dashboard_port)
    if new_password:
        typer.echo(make_password(find_places(environment, flags).data))
        return
    # Streamlit takes a second to import: only those who serve wait for it, not every --help.
    from tollkeeper_dashboard.serving import run_dashboard  # noqa: PLC0415

    run_dashboard(environment, flags)


def make_password(data: Path) -> str:
    """Put a new random password's hash into the data folder and return the password."""
    plain = secrets.token_urlsafe(12)  # 96 bits: nothing to guess, short enough to type
    data.mkdir(parents=True, exist_ok=True)
    path = data / "dashboard.password"
    draft = path.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_text(Password.of(plain).text())
    draft.replace(path)
    return plain
