"""The verb ``tollkeeper collector``: one collector in the foreground."""

from pathlib import Path
from typing import Annotated

import typer

from tollkeeper.config import Environment, Flags
from tollkeeper_collector.serving import run_collector


def collector(
    config: Annotated[Path | None, typer.Option(help="The configuration file.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    otlp_port: Annotated[int | None, typer.Option(help="OTLP over HTTP; 0 picks a port.")] = None,
    otlp_grpc_port: Annotated[
        int | None, typer.Option(help="OTLP over gRPC; 0 picks a port.")
    ] = None,
    sql_port: Annotated[int | None, typer.Option(help="SQL over HTTP; 0 picks a port.")] = None,
) -> None:
    """Take in telemetry, store it and answer SQL, in the foreground."""
    flags = Flags(
        config=config,
        data=data,
        otlp_port=otlp_port,
        otlp_grpc_port=otlp_grpc_port,
        sql_port=sql_port,
    )
    run_collector(Environment.of_process(), flags)
