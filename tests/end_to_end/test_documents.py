"""The documents are true: every command in them runs and prints what they say.

``console``, ``python`` and ``sql`` run in the page's order; a page that shows configuration gets a
product of its own, started with its first ``yaml`` block. Only ports are changed.
"""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
import yaml
from tests.documents.blocks import Step, blocks, steps
from tests.equipment.places import REPOSITORY
from tests.equipment.scripted_provider import ScriptedProvider
from tests.equipment.stack import Stack, clean_environment

pytestmark = pytest.mark.timeout(300)

HOW_TO: Final = sorted((REPOSITORY / "docs" / "how-to").glob("*.md"))
PAGES: Final = ("README.md", *(f"docs/how-to/{file.name}" for file in HOW_TO))
PORTS: Final = {4000: "proxy", 4318: "otlp", 4317: "otlp_grpc", 8123: "sql", 8501: "dashboard"}
LAB_PORT: Final = 8000
PORT: Final = re.compile(rf"\b({'|'.join(map(str, (*PORTS, LAB_PORT)))})\b")
PATIENCE_S: Final = 30.0  # rows reach the store a moment after the answer
POLL_S: Final = 0.5
STEP_TIMEOUT_S: Final = 90.0
ACTIVATE: Final = ". .venv/bin/activate"  # the tests' own environment stands in for it


def _settings(page: str) -> str:
    """Return a page's first piece of configuration, "" when it has none."""
    found = (block.text for block in blocks(REPOSITORY / page) if block.language == "yaml")
    return next(found, "")


PAGES_WITH_SETTINGS: Final = tuple(page for page in PAGES if _settings(page))
PAGES_AS_IT_COMES: Final = tuple(page for page in PAGES if not _settings(page))


@dataclass(frozen=True, slots=True)
class Terminal:
    """A shell whose variables last from one command to the next, beside a running product."""

    stack: Stack
    lab_port: int
    folder: Path

    def run(self, command: str) -> str:
        """Run a command and return what it printed."""
        kept = self.folder / "variables.sh"
        kept.touch()
        return self._run(f". {kept}\n{self.here(command)}\ns=$?\nexport -p > {kept}\nexit $s\n")

    def run_python(self, text: str) -> str:
        """Run a program, with the shell's variables, and return what it printed."""
        program = self.folder / "program.py"
        program.write_text(self.here(text))
        return self.run(f"{sys.executable} -W error {program}")

    def ask(self, statement: str) -> str:
        """Put a statement to the SQL port; one that is refused fails."""
        question = self.folder / "question.sql"
        question.write_text(statement)
        header = '-H "Authorization: Bearer $TOLLKEEPER_API_KEY"'
        url = "'http://127.0.0.1:8123/?database=otel'"
        return self.run(f"curl -s --fail-with-body {url} {header} --data-binary @{question}")

    def here(self, text: str) -> str:
        """Return a text with the ports of the documents turned into those of this product."""
        real = {port: self.stack.ports[name] for port, name in PORTS.items()}
        real[LAB_PORT] = self.lab_port
        return PORT.sub(lambda match: str(real[int(match.group())]), text)

    def _run(self, script: str) -> str:
        done = subprocess.run(
            ["bash", "-c", script],
            capture_output=True,
            text=True,
            cwd=self.stack.folder,
            env=self._environment(),
            timeout=STEP_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _environment(self) -> dict[str, str]:
        variables = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "TOLLKEEPER_API_KEY": self.stack.key,
            "TOLLKEEPER_SQL_PORT": str(self.stack.ports["sql"]),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.stack.ports['otlp']}",
        }
        return clean_environment(variables)


@pytest.mark.parametrize("page", PAGES_AS_IT_COMES)
def test_every_command_prints_what_the_page_says(page: str, stack: Stack, tmp_path: Path) -> None:
    _follow(page, Terminal(stack, 0, tmp_path))


@pytest.mark.parametrize("page", PAGES_WITH_SETTINGS)
def test_every_command_prints_what_the_page_says_under_its_settings(
    page: str, tmp_path: Path, scripted: ScriptedProvider
) -> None:
    text = _settings(page).replace(f":{LAB_PORT}", f":{scripted.port}")
    with Stack(tmp_path, yaml.safe_load(text)) as stack:
        _follow(page, Terminal(stack, scripted.port, tmp_path))


def test_every_page_has_something_to_run() -> None:
    for page in PAGES:
        languages = {block.language for block in blocks(REPOSITORY / page)}
        assert languages & {"console", "python"}, page


def _follow(page: str, terminal: Terminal) -> None:
    for block in blocks(REPOSITORY / page):
        if block.language == "python":
            terminal.run_python(block.text)
        elif block.language == "sql":
            for statement in block.text.split(";\n"):
                terminal.ask(statement)
        elif block.language == "console":
            for step in steps(block):
                _take(terminal, step, page)


def _take(terminal: Terminal, step: Step, page: str) -> None:
    if step.command == ACTIVATE:
        return
    told = replace(step, printed=terminal.here(step.printed))
    until = time.monotonic() + PATIENCE_S
    output = terminal.run(step.command)
    while not told.prints(output) and _asks_the_store(step) and time.monotonic() < until:
        time.sleep(POLL_S)
        output = terminal.run(step.command)
    assert told.prints(output), f"{page}:{step.line}: printed\n{output}\ninstead of\n{told.printed}"


def _asks_the_store(step: Step) -> bool:
    return ":8123" in step.command or step.command.startswith("tollkeeper export")
