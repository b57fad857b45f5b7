import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from tollkeeper.cli.program import run, run_app
from tollkeeper.errors import ConfigError, ControlUnreachable


def ended(verb: Callable[[], None]) -> int:
    app = typer.Typer()
    app.command()(verb)
    return run_app(app, "tollkeeper", [])


def test_a_verb_that_ends_well_is_zero() -> None:
    assert ended(lambda: None) == 0


@pytest.mark.parametrize(
    ("failure", "status", "said"),
    [
        (
            ConfigError("t.yaml:3: unknown field 'x'"),
            2,
            "tollkeeper: t.yaml:3: unknown field 'x'\n",
        ),
        (ControlUnreachable("gone\naway"), 1, "tollkeeper: gone away\n"),
        (ConfigError("api_key sk-abcdefghijklmn"), 2, "tollkeeper: api_key sk-a…***\n"),
        (KeyboardInterrupt(), 130, ""),
        (typer.Exit(3), 3, ""),
        (typer.BadParameter("no"), 2, "tollkeeper: Invalid value: no\n"),
    ],
)
def test_failures_become_one_line_and_a_status(
    failure: BaseException, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def verb() -> None:
        raise failure

    assert ended(verb) == status
    assert capsys.readouterr().err == said


def test_an_unknown_verb_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kyes"]) == 2
    assert capsys.readouterr().err == (
        "tollkeeper: there is no verb 'kyes'; did you mean 'keys'?\n"
    )


def test_with_no_arguments_it_shows_its_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    shown = capsys.readouterr().out
    assert all(verb in shown for verb in ("keys", "config", "up"))


def test_python_m_tollkeeper_is_the_same_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tollkeeper", "kyes"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_without_typer_one_line_names_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError(name='typer')")
    done = subprocess.run(
        [sys.executable, "-m", "tollkeeper", "keys"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 2
    assert done.stderr == "tollkeeper: the command line needs: pip install 'tollkeeper[server]'\n"
