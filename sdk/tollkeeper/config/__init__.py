"""Configuration: one file, the environment and the flags in; frozen settings out.

Nothing here knows what a setting means; each component brings its own settings model.
"""

from tollkeeper.config.effective import Effective, effective
from tollkeeper.config.environment import Environment
from tollkeeper.config.places import Flags, Places, find_places
from tollkeeper.config.sections import load
from tollkeeper.config.settings import read_settings
from tollkeeper.config.sources import Override

__all__ = [
    "Effective",
    "Environment",
    "Flags",
    "Override",
    "Places",
    "effective",
    "find_places",
    "load",
    "read_settings",
]
