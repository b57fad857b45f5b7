"""The documents are true: every command in them runs and prints what they say.

``console`` and ``python`` blocks run in the order of the page against a product of the page's own,
started with the page's first ``yaml`` block. Only the ports are changed into that product's.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.documents.blocks import Block, Step, blocks, steps
from tests.equipment.places import REPOSITORY
from tests.equipment.scripted_provider import ScriptedProvider
from tests.equipment.stack import Stack, clean_environment

pytestmark = pytest.mark.timeout(300)

PAGES: Final = (
    "README.md",
    *(f"docs/how-to/{file.name}" for file in sorted((REPOSITORY / "docs" / "how-to").glob("*.md"))),
)
PORTS: Final = {4000: "proxy", 4318: "otlp", 4317: "otlp_grpc", 8123: "sql", 8501: "dashboard"}
LAB_PORT: Final = 8000
PORT: Final = re.compile(rf"\b({'|'.join(map(str, (*PORTS, LAB_PORT)))})\b")
PATIENCE_S: Final = 30.0  # rows reach the store a moment after the answer
POLL_S: Final = 0.5
STEP_TIMEOUT_S: Final = 90.0
ACTIVATE: Final = ". .venv/bin/activate"  # the tests' own environment stands in for it


@dataclass(frozen=True, slots=True)
class Terminal:
    """A shell whose variables last from one command to the next, beside a running product."""

    stack: Stack
    lab_port: int

    def run(self, command: str) -> str:
        """Run a command and return what it printed."""
        kept = self.stack.folder / "variables.sh"
        script = f". {kept}\n{self.here(command)}\nstatus=$?\nexport -p > {kept}\nexit $status\n"
        kept.touch()
        return self._run(["bash", "-c", script])

    def run_python(self, text: str) -> str:
        """Run a program, with the shell's variables, and return what it printed."""
        program = self.stack.folder / "program.py"
        program.write_text(self.here(text))
        return self.run(f"{sys.executable} -W error {program}")

    def here(self, text: str) -> str:
        """Return a text with the ports of the documents turned into those of this product."""
        real = {port: self.stack.ports[name] for port, name in PORTS.items()}
        real[LAB_PORT] = self.lab_port
        return PORT.sub(lambda match: str(real[int(match.group())]), text)

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=self.stack.folder,
            env=self._environment(),
            timeout=STEP_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _environment(self) -> dict[str, str]:
        variables = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "TOLLKEEPER_API_KEY": self.stack.key,
            "TOLLKEEPER_SQL_PORT": str(self.stack.ports["sql"]),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.stack.ports['otlp']}",
        }
        return clean_environment(variables)


@pytest.fixture
def lab() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as provider:
        yield provider


@pytest.mark.parametrize("page", PAGES)
def test_every_command_prints_what_the_page_says(
    page: str, tmp_path: Path, lab: ScriptedProvider
) -> None:
    found = list(blocks(REPOSITORY / page))
    settings = _settings(found, lab.port)
    with Stack(tmp_path, settings) as stack:
        terminal = Terminal(stack, lab.port)
        for block in found:
            if block.language == "python":
                terminal.run_python(block.text)
            elif block.language == "console":
                for step in steps(block):
                    _take(terminal, step, page)


def test_pages_have_something_to_run() -> None:
    for page in PAGES:
        languages = {block.language for block in blocks(REPOSITORY / page)}
        assert languages & {"console", "python"}, page


def _settings(found: list[Block], lab_port: int) -> Mapping[str, Any]:
    texts = [block.text for block in found if block.language == "yaml"]
    loaded = yaml.safe_load(texts[0].replace(f":{LAB_PORT}", f":{lab_port}")) if texts else {}
    return dict(loaded)


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
