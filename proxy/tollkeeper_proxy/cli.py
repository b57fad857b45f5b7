"""The verb ``tollkeeper proxy``: one worker in the foreground."""

from pathlib import Path
from typing import Annotated

import typer

from tollkeeper.config import Environment, Flags
from tollkeeper_proxy.server.worker import run_worker


def proxy(
    config: Annotated[Path | None, typer.Option(help="The configuration file.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    proxy_port: Annotated[int | None, typer.Option(help="Port to serve on; 0 picks one.")] = None,
) -> None:
    """Serve the LLM gateway: one worker, in the foreground."""
    run_worker(Environment.of_process(), Flags(config=config, data=data, proxy_port=proxy_port))
