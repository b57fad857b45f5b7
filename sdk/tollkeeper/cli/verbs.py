"""Which verbs there are: entry points of the installed components, loaded when needed.

A component that cannot be loaded is named in one line; the others work.
"""

import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import typer

from tollkeeper.masking import mask

GROUP: Final = "tollkeeper.verbs"


def installed() -> dict[str, EntryPoint]:
    """Return the verbs by name, in the order of their names."""
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return {point.name: point for point in points}


def build(points: Mapping[str, EntryPoint]) -> typer.Typer:
    """Return an application with these verbs, less those that cannot be loaded."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.callback()(_root)
    for name, point in points.items():
        verb = load_or_say(point)
        if verb is not None:
            add(app, name, verb)
    return app


def load_or_say(point: EntryPoint) -> object | None:
    """Return what an entry point names; one line on stderr and None when that fails."""
    try:
        found: object = point.load()
        return found
    except Exception as failure:  # noqa: BLE001  # somebody else's component, at its boundary
        reason = mask(str(failure)).strip().partition("\n")[0]
        what = f"{type(failure).__name__}: {reason}"
        sys.stderr.write(f"tollkeeper: '{point.name}' is out of order: {what}\n")
        return None


def add(app: typer.Typer, name: str, verb: object) -> None:
    """Add a verb: a function is a command, an application a group of commands."""
    if isinstance(verb, typer.Typer):
        app.add_typer(verb, name=name)
    elif callable(verb):
        app.command(name)(verb)
    else:
        raise TypeError(f"a verb is a function or a typer application, not {type(verb).__name__}")


def _root() -> None:
    """The keeper at the gate: an LLM gateway and its book."""  # shown by --help
