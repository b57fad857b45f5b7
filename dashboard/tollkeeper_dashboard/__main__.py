"""``python -m tollkeeper_dashboard``: the verb without the command line's other verbs."""

import typer

from tollkeeper_dashboard.cli import dashboard

if __name__ == "__main__":
    typer.run(dashboard)
