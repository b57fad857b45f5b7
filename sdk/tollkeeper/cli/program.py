"""Arguments in, exit status out: finds the verb, runs it, turns failures into one line."""

import sys
from collections.abc import Callable, Sequence
from typing import Final

import typer
import typer.main

from tollkeeper.cli import verbs
from tollkeeper.config.complaints import nearest
from tollkeeper.errors import TollkeeperError
from tollkeeper.masking import mask

INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it


def run(arguments: Sequence[str]) -> int:
    """Run ``tollkeeper`` with these arguments and return its exit status."""
    points = verbs.installed()
    # A verb loads only its own component: `keys` should not wait for the proxy's imports.
    wanted = arguments[0] if arguments else "--help"
    if wanted not in points and not wanted.startswith("-"):
        return _fail(f"there is no verb '{wanted}'{nearest(wanted, points)}", status=2)
    chosen = {wanted: points[wanted]} if wanted in points else points
    return run_app(verbs.build(chosen), "tollkeeper", [wanted, *arguments[1:]])


def run_verb(name: str, verb: Callable[..., None]) -> int:
    """Run one verb alone, for a component's own ``python -m``."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(name)(verb)
    return run_app(app, name, sys.argv[1:])


def run_app(app: typer.Typer, name: str, arguments: list[str]) -> int:
    """Run an application; errors of use and of the outside become one line and a status."""
    command = typer.main.get_command(app)
    try:
        status = command.main(arguments, prog_name=name, standalone_mode=False)
    except typer.TyperException as mistake:
        return _fail(_words(mistake), status=2)
    except TollkeeperError as failure:
        return _fail(str(failure), status=failure.exit_status)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read us has gone; the interpreter need not say so again
        return 0
    return status if isinstance(status, int) else 0


def _words(mistake: typer.TyperException) -> str:
    format_message = getattr(mistake, "format_message", None)
    words = str(format_message()) if callable(format_message) else str(mistake)
    return words.replace("Value error, ", "")


def _fail(message: str, *, status: int) -> int:
    one_line = " ".join(mask(message).split())
    sys.stderr.write(f"tollkeeper: {one_line}\n")
    return status
