"""``python -m tollkeeper_dashboard``: the verb without the command line's other verbs."""

import sys

from tollkeeper.cli.program import run_verb
from tollkeeper_dashboard.cli import dashboard

if __name__ == "__main__":
    sys.exit(run_verb("dashboard", dashboard))
