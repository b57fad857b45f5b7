"""The options that several verbs share, declared once."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None, typer.Option("--config", help="The configuration file.", show_default=False)
]
Data = Annotated[
    Path | None, typer.Option("--data", help="The data folder.", show_default="./data")
]
