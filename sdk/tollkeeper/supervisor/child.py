"""One program under supervision: how it is started, asked to end, and what it last said."""

import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from tollkeeper.readiness import Ready, read_report, report_path
from tollkeeper.supervisor.fate import Fate
from tollkeeper.supervisor.folder import DataFolder
from tollkeeper.supervisor.orphans import ends_with_parent

LOG_SIZE_BYTES: Final = 16 * 1024 * 1024  # a larger log is put aside when its child starts
TAIL_BYTES: Final = 8 * 1024


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A program to keep running.

    Lower ``stop_order`` ends earlier; it then has ``stop_limit_s`` before it is killed.
    ``unshared_port`` names a port whose reservation has to go before it starts.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    stop_order: int = 0
    stop_limit_s: float = 10.0
    unshared_port: str = ""


@dataclass(slots=True)
class Child:
    """A program and what became of it so far."""

    spec: ChildSpec
    folder: DataFolder
    fate: Fate = field(default_factory=Fate)
    process: subprocess.Popen[bytes] | None = None
    report: Ready | None = None
    due_s: float | None = None  # when it is to be started again
    killed: bool = False

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    @property
    def log_file(self) -> Path:
        return self.folder.log_file(self.spec.name)

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches only the supervisor."""
        self.due_s, self.report = None, None
        report_path(self.folder.path, self.spec.name).unlink(missing_ok=True)
        with _open_log(self.log_file) as log:
            self.process = subprocess.Popen(
                self.spec.command,
                env=dict(self.spec.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(self.folder.lock,),
                preexec_fn=ends_with_parent(),  # noqa: PLW1509  # the supervisor has no threads
            )

    def poll(self) -> int | None:
        """Return how it ended, None while it runs or was never started."""
        return self.process.poll() if self.process else None

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def look_for_report(self) -> bool:
        """Tell whether it has just become ready."""
        if self.report is not None or not self.runs:
            return False
        self.report = read_report(self.folder.path, self.spec.name)
        return self.report is not None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def tail(self, lines: int = 15) -> str:
        """Return the end of its log."""
        try:
            with self.log_file.open("rb") as file:
                file.seek(max(os.fstat(file.fileno()).st_size - TAIL_BYTES, 0))
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


def ending(status: int) -> str:
    """Say how a process ended."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def _open_log(path: Path) -> BinaryIO:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_SIZE_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab")
