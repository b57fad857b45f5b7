"""The verb ``tollkeeper up``: all installed components on this machine, under one supervisor."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from tollkeeper.cli import options, welcome
from tollkeeper.cli.config import models
from tollkeeper.cli.output import console
from tollkeeper.config import Environment, Flags, Places, find_places
from tollkeeper.control.schema import migrate
from tollkeeper.errors import UseError
from tollkeeper.supervisor import components, first_run
from tollkeeper.supervisor.bell import Bell
from tollkeeper.supervisor.components import Component
from tollkeeper.supervisor.first_run import Secrets
from tollkeeper.supervisor.folder import DataFolder, take
from tollkeeper.supervisor.reservations import Reservations
from tollkeeper.supervisor.supervisor import Supervisor

Port = Annotated[int | None, typer.Option(help="A port; 0 picks a free one.", show_default=False)]


def up(  # one per flag of the verb
    config: options.Config = None,
    data: options.Data = None,
    *,
    proxy_port: Port = None,
    otlp_port: Port = None,
    otlp_grpc_port: Port = None,
    sql_port: Port = None,
    dashboard_port: Port = None,
) -> None:
    """Run collector, proxy and dashboard until Ctrl-C."""
    flags = Flags(config, data, proxy_port, otlp_port, otlp_grpc_port, sql_port, dashboard_port)
    environment = Environment.of_process()
    places = find_places(environment, flags)
    parts = components.installed(models(), places, environment)
    if not parts:
        raise UseError("no component is installed: pip install tollkeeper-proxy and others")
    os.umask(0o077)  # what we and the children write is nobody else's
    with Bell() as bell:
        folder = take(places.data, say)
        try:
            raise typer.Exit(_run(bell, folder, parts, places, environment))
        finally:
            folder.close()


def say(text: str) -> None:
    """Tell the person at the terminal something, at once."""
    sys.stdout.write(f"tollkeeper: {text}\n")
    sys.stdout.flush()


def _run(
    bell: Bell,
    folder: DataFolder,
    parts: list[Component],
    places: Places,
    environment: Environment,
) -> int:
    control_url = next(part.text("control.url", places.control_url) for part in parts)
    wishes = components.wishes(parts, places)
    reserved = Reservations(wishes)

    def greet(ports: Mapping[str, int]) -> None:
        # Made only now: what is shown once must not be lost in a start that fails.
        shown = first_run.prepare(folder.path, control_url, wanted_password=wanted)
        _show(ports, {wish.name: wish.host for wish in wishes}, folder.path, shown)

    wanted = environment.get(components.PASSWORD_VARIABLE)
    try:
        first_run.check(wanted)
        migrate(control_url)
        told = components.child_environment(
            environment, places, reserved.ports, folder.system_key()
        )
        supervisor = Supervisor(components.specs(parts, told), folder, reserved, say=say)
        say(f"starting {', '.join(part.name for part in parts)}")
        status = supervisor.run(bell, greet)
        say("stopped")
        return status
    finally:
        reserved.close()


def _show(ports: Mapping[str, int], hosts: Mapping[str, str], data: Path, shown: Secrets) -> None:
    terminal = sys.stdout.isatty()
    console(terminal).print(welcome.table(ports, hosts, data, shown))
    sys.stdout.write(f"\nTry it:\n\n  {welcome.example(ports, hosts, shown)}\n\n")
    sys.stdout.flush()
