"""A component's settings in one step: environment and flags in, settings and places out."""

from typing import TypeVar

from pydantic import BaseModel

from tollkeeper.config.environment import Environment
from tollkeeper.config.places import NO_FLAGS, Flags, Places, find_places
from tollkeeper.config.sections import load

Settings = TypeVar("Settings", bound=BaseModel)


def read_settings(
    model: type[Settings], environment: Environment, *, flags: Flags = NO_FLAGS
) -> tuple[Settings, Places]:
    """Return the settings of one component and where things are; raises ConfigError."""
    places = find_places(environment, flags)
    settings = load(model, path=places.config, environment=environment, overrides=places.overrides)
    return settings, places
