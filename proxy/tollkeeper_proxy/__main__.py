"""``python -m tollkeeper_proxy`` is ``tollkeeper proxy``."""

import sys

from tollkeeper.cli.program import run_verb
from tollkeeper_proxy.cli import proxy

if __name__ == "__main__":
    sys.exit(run_verb("proxy", proxy))
