"""A real supervisor over tiny programs: a process of its own, told apart by pid."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

WITHIN_S: Final = 30.0
POLL_S: Final = 0.01

DRIVER: Final = """
import json, os, sys
from pathlib import Path
from tollkeeper.errors import UseError
from tollkeeper.supervisor.bell import Bell
from tollkeeper.supervisor.child import ChildSpec
from tollkeeper.supervisor.folder import take
from tollkeeper.supervisor.reservations import Reservations, Wish
from tollkeeper.supervisor.supervisor import Supervisor

def say(text):
    print(text, flush=True)

data, described = Path(sys.argv[1]), json.loads(sys.argv[2])
try:
    with Bell() as bell:
        folder = take(data, say)
        ports = Reservations([Wish("proxy", "127.0.0.1", 0, "--proxy-port")])
        told = {**os.environ, "PORT": str(ports.ports["proxy"])}
        specs = [
            ChildSpec(each.pop("name"), tuple(each.pop("command")), told, **each)
            for each in described
        ]
        status = Supervisor(specs, folder, ports, say=say).run(bell, lambda ports: say("ready"))
except UseError as mistake:
    say(f"refused: {mistake}")
    status = 2
sys.exit(status)
"""

# What every program begins with: `ready()` reports, `note()` writes down that something happened.
PROGRAM: Final = """
import json, os, signal, sys, time
data, name = sys.argv[1], sys.argv[2]

def ready(**ports):
    os.makedirs(f"{data}/run", exist_ok=True)
    with open(f"{data}/run/.{name}", "w") as file:
        json.dump({"pid": os.getpid(), "ports": ports}, file)
    os.rename(f"{data}/run/.{name}", f"{data}/run/{name}.json")

def note(what):
    with open(f"{data}/notes", "a") as file:
        file.write(f"{name} {what}\\n")

def end(*_):
    note("asked to end")
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
"""


class Supervised:
    """A supervisor process over programs given as source text."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._specs: list[dict[str, Any]] = []
        self._log = data.parent / f"{data.name}.log"
        self._others: set[int] = set()
        self.process: subprocess.Popen[bytes] | None = None

    def add(self, name: str, source: str, **settings: Any) -> Self:
        """Add a program, which may use ``ready``, ``note``, ``data`` and ``name``."""
        file = self.data.parent / f"{name}.py"
        file.write_text(PROGRAM + source)
        command = [sys.executable, "-S", "-E", str(file), str(self.data), name]
        self._specs.append({"name": name, "command": command, **settings})
        return self

    def start(self) -> Self:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", DRIVER, str(self.data), json.dumps(self._specs)],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def wait_ready(self) -> Mapping[str, Any]:
        """Return what run.json says, once it is there."""
        self.wait(self._is_ready, "run.json")
        return self.run_file()

    def _is_ready(self) -> bool:
        """Tell whether run.json is there and ours; one of a killed supervisor stays behind."""
        assert self.process is not None
        file = self.data / "run.json"
        return file.exists() and self.run_file()["pids"]["supervisor"] == self.process.pid

    def run_file(self) -> Mapping[str, Any]:
        found = json.loads((self.data / "run.json").read_bytes())
        self._others |= set(found["pids"].values())
        assert isinstance(found, dict)
        return found

    def wait(self, happened: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + WITHIN_S
        while not happened():
            if time.monotonic() > until:
                raise AssertionError(f"waited in vain for {what}\n{self.said()}")
            time.sleep(POLL_S)

    def wait_gone(self, pid: int, name: str) -> None:
        self.wait(lambda: not is_running(pid), f"the end of {name}")

    def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal and return how it ended."""
        assert self.process is not None
        self.process.send_signal(by)
        return self.process.wait(WITHIN_S)

    def said(self) -> str:
        return self._log.read_text()

    def notes(self) -> list[str]:
        file = self.data / "notes"
        return file.read_text().splitlines() if file.exists() else []

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process is None:
            return
        for pid in {*self._others, self.process.pid}:
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(WITHIN_S)


def is_running(pid: int) -> bool:
    """Tell whether a process is there and has not ended (a zombie has)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"
