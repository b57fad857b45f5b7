"""The verb ``tollkeeper config``: every effective setting and where it came from."""

from importlib.metadata import entry_points
from typing import Final

from pydantic import BaseModel
from rich.table import Table

from tollkeeper.cli import options
from tollkeeper.cli.output import show_table
from tollkeeper.cli.verbs import load_or_say
from tollkeeper.config import Effective, Environment, Flags, Places, effective, find_places

GROUP: Final = "tollkeeper.settings"


def config(config: options.Config = None, data: options.Data = None) -> None:
    """Check the configuration and print every value with its source; secrets are masked."""
    environment = Environment.of_process()
    places = find_places(environment, Flags(config=config, data=data))
    table = Table("setting", "value", "source", box=None)
    for each in everything(places, environment):
        table.add_row(each.field, each.value, each.source)
    show_table(table)


def everything(places: Places, environment: Environment) -> list[Effective]:
    """Return the effective settings of all installed components; a shared one once."""
    found: dict[str, Effective] = {}
    for model in models().values():
        for each in effective(
            model, path=places.config, environment=environment, overrides=places.overrides
        ):
            found.setdefault(each.field, each)
    return list(found.values())


def models() -> dict[str, type[BaseModel]]:
    """Return each component's settings model; one that is out of order is said and left out."""
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    loaded = {point.name: load_or_say(point) for point in points}
    return {
        name: model
        for name, model in loaded.items()
        if isinstance(model, type) and issubclass(model, BaseModel)
    }
