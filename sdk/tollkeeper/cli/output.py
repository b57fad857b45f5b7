"""What verbs show: tables to standard output, as wide as the terminal, unwrapped when piped."""

import sys
from typing import Final

from rich.console import Console
from rich.table import Table

PIPED_WIDTH: Final = 250


def show_table(table: Table) -> None:
    """Print a table; text in it is taken literally."""
    console(sys.stdout.isatty()).print(table)


def console(terminal: bool) -> Console:
    """Return a console on standard output that colours nothing by itself."""
    width = None if terminal else PIPED_WIDTH
    return Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)
