import sys
from importlib.metadata import EntryPoint

import pytest
import typer

from tollkeeper.cli import verbs
from tollkeeper.cli.program import run_app

group = typer.Typer()


@group.command()
def inner() -> None:
    typer.echo("inner ran")


@group.command()
def other() -> None:
    typer.echo("other ran")


def single() -> None:
    typer.echo("single ran")


def points(**values: str) -> dict[str, EntryPoint]:
    return {name: EntryPoint(name, value, verbs.GROUP) for name, value in values.items()}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> str:
    """A name under which this file can be imported, as a component would be."""
    monkeypatch.setitem(sys.modules, "verbs_of_a_component", sys.modules[__name__])
    return "verbs_of_a_component"


def test_a_verb_is_a_function_or_a_group(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    app = verbs.build(points(one=f"{here}:single", many=f"{here}:group"))
    assert run_app(app, "tollkeeper", ["one"]) == 0
    assert run_app(app, "tollkeeper", ["many", "inner"]) == 0
    assert capsys.readouterr().out == "single ran\ninner ran\n"


@pytest.mark.parametrize("value", ["no_such_component:verb", "{here}:nothing", "{here}:points.x"])
def test_a_broken_component_is_one_line_and_the_others_work(
    here: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app = verbs.build(points(broken=value.format(here=here), one=f"{here}:single"))
    assert run_app(app, "tollkeeper", ["one"]) == 0
    output = capsys.readouterr()
    assert output.out == "single ran\n"
    assert output.err.count("\n") == 1
    assert output.err.startswith("tollkeeper: 'broken' is out of order: ")


def test_what_is_no_verb_is_refused() -> None:
    with pytest.raises(TypeError, match="not str"):
        verbs.add(typer.Typer(), "word", "text")


def test_our_own_verbs_are_installed() -> None:
    assert {"up", "keys", "config"} <= verbs.installed().keys()
