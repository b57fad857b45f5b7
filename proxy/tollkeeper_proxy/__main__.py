"""``python -m tollkeeper_proxy`` is ``tollkeeper proxy``."""

import typer

from tollkeeper_proxy.cli import proxy

if __name__ == "__main__":
    typer.run(proxy)
