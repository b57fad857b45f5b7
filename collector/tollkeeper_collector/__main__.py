"""``python -m tollkeeper_collector`` is ``tollkeeper collector``."""

import typer

from tollkeeper_collector.cli import collector

if __name__ == "__main__":
    typer.run(collector)
