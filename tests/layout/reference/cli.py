"""The command line in, the page of every verb out."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any, Final

import click
import typer
import typer.main
from tests.layout.reference.markdown import code, page, table

GROUP: Final = "tollkeeper.verbs"
LEAD: Final = """`tollkeeper VERB`; the verbs come from the components that are installed, and
`python -m tollkeeper` is the same. A mistake in the use is one line on stderr and status 2."""


def text() -> str:
    """Return the page."""
    parts: list[str] = []
    for name, command in verbs():
        for path, each in _walk(name, command):
            parts += _of(path, each)
    return page("Command line", LEAD, parts)


def verbs() -> Iterator[tuple[str, Any]]:
    """Yield every installed verb with its command, by name."""
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        loaded = point.load()
        if not isinstance(loaded, typer.Typer):
            app = typer.Typer(add_completion=False)
            app.command(point.name)(loaded)
            loaded = app
        yield point.name, typer.main.get_command(loaded)


def _walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, child in sorted(getattr(command, "commands", {}).items()):
        yield from _walk(f"{path} {name}", child)


def _of(path: str, command: Any) -> list[str]:
    lines = [f"## tollkeeper {path}", _first_paragraph(command.help or "")]
    rows = [_parameter(each) for each in command.params if not getattr(each, "hidden", False)]
    if rows:
        lines.append(table(["argument", "default", "meaning"], rows))
    return [line for line in lines if line]


def _parameter(parameter: Any) -> list[str]:
    names = ", ".join(code(name) for name in parameter.opts)
    if parameter.param_type_name == "argument":
        names = code((parameter.metavar or parameter.name or "").upper())
    default = "" if parameter.default is None or callable(parameter.default) else parameter.default
    if parameter.required:
        shown = "required"
    elif isinstance(default, bool):
        shown = code(str(default).lower())
    else:
        shown = code(getattr(default, "value", default)) if default not in ("", ()) else ""
    return [names, shown, getattr(parameter, "help", "") or ""]


def _first_paragraph(text: str) -> str:
    return " ".join(
        click.formatting.wrap_text(text.split("\n\n", maxsplit=1)[0], width=10_000).split()
    )
