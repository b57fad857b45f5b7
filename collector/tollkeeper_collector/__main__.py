"""``python -m tollkeeper_collector`` is ``tollkeeper collector``."""

import sys

from tollkeeper.cli.program import run_verb
from tollkeeper_collector.cli import collector

if __name__ == "__main__":
    sys.exit(run_verb("collector", collector))
