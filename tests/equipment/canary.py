"""A provider key that may be seen on the wire to its provider and nowhere else."""

from typing import Final

CANARY: Final = "sk-" + "canary" * 6
