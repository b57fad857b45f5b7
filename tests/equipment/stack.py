"""The real product as processes on free ports with a data folder of its own.

Started the way a user starts it (``tollkeeper up``); told apart by pid, never by name.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import yaml
from tests.equipment.own_key import own_key
from tests.equipment.raw_http import RawConnection, RawResponse, request_bytes

from tollkeeper.supervisor.orphans import ends_with_parent

Settings = Mapping[str, Any]

READY_WITHIN_S: Final = 90.0  # a cold box with two busy cores; a warm start takes a few seconds
STOPPED_WITHIN_S: Final = 40.0
POLL_S: Final = 0.05
LOG_TAIL_BYTES: Final = 4_000  # per file
FREE_PORTS: Final = tuple(
    argument
    for name in ("proxy", "otlp", "otlp-grpc", "sql", "dashboard")
    for argument in (f"--{name}-port", "0")
)
# What must not reach the product from the developer's own shell.
FOREIGN: Final = ("TOLLKEEPER_", "OTEL_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PYTHONWARN")


class NotReady(Exception):
    """The product did not come up; the message ends with its log."""


@dataclass(slots=True)
class Stack:
    """A running Tollkeeper: its ports, a key that opens it, and its folder."""

    folder: Path
    settings: Settings = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    pids: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def config(self) -> Path:
        return self.folder / "tollkeeper.yaml"

    @property
    def log_file(self) -> Path:
        return self.folder / "up.log"

    @property
    def base_url(self) -> str:
        """Return what an SDK's base_url is set to."""
        return f"http://127.0.0.1:{self.ports['proxy']}/v1"

    def start(self) -> Self:
        """Start and wait until everything is ready, then make a key."""
        self.launch()
        self.wait_ready()
        self.key = self.key or own_key(self.data, "tests")
        return self

    def launch(self) -> None:
        """Start without waiting."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.config.write_text(yaml.safe_dump(dict(self.settings)))
        (self.data / "run.json").unlink(missing_ok=True)
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._command("up"), "--config", str(self.config), *FREE_PORTS],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=clean_environment(self.environment),
                start_new_session=True,
                # A test run that is killed takes what it started with it.
                preexec_fn=ends_with_parent(),  # noqa: PLW1509 - one call of the C library
            )

    def wait_ready(self, *, within_s: float = READY_WITHIN_S) -> None:
        until = time.monotonic() + within_s
        while not self._read_run_file():
            if self.process is None or self.process.poll() is not None:
                raise NotReady(f"it ended instead of starting\n{self.log()}")
            if time.monotonic() > until:
                raise NotReady(f"not ready after {within_s} s\n{self.log()}")
            time.sleep(POLL_S)

    def stop(self, by: signal.Signals = signal.SIGINT) -> int:
        """Ask it to end and wait; return its exit status."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(by)
        try:
            return self.process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End it and the children it named, at once."""
        for pid in [*_flat(self.pids), *([self.process.pid] if self.process else [])]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if self.process is not None:
            self.process.wait(STOPPED_WITHIN_S)

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a verb of the command line on this data folder."""
        result = subprocess.run(
            self._command(*arguments),
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=clean_environment(self.environment),
            timeout=READY_WITHIN_S,
            check=False,
        )
        if check and result.returncode != 0:
            raise AssertionError(f"{arguments} gave {result.returncode}: {result.stderr}")
        return result

    def create_key(self, name: str, *arguments: str) -> str:
        """Create a virtual key by the command line and return it."""
        result = self.run("keys", "create", "--name", name, *arguments)
        return result.stdout.strip().splitlines()[-1]

    def connect(self, *, timeout_s: float = 20.0) -> RawConnection:
        """Open a raw connection to the proxy."""
        return RawConnection(self.ports["proxy"], timeout_s=timeout_s)

    def ask(
        self, path: str, body: bytes = b"", *, method: str = "POST", **headers: str
    ) -> RawResponse:
        """Send one request to the proxy with this stack's key; underscores in names are dashes."""
        named = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        with self.connect() as connection:
            connection.send(request_bytes(path, body, method=method, headers=tuple(named.items())))
            return connection.read_response(method=method)

    def log(self) -> str:
        """Return the end of what the processes printed and logged."""
        files = [self.log_file, *sorted(self.data.glob("logs/*"))]
        return "\n".join(f"--- {file.name}\n{_tail(file)}" for file in files if file.is_file())

    def whole_log(self) -> str:
        """Return everything the processes printed and logged."""
        files = [self.log_file, *sorted(self.data.glob("logs/*"))]
        return "\n".join(file.read_text("utf-8", "replace") for file in files if file.is_file())

    def _command(self, verb: str, *arguments: str) -> list[str]:
        command = [sys.executable, "-m", "tollkeeper", verb]
        return [*command, *arguments, "--data", str(self.data)]

    def _read_run_file(self) -> bool:
        try:
            run = json.loads((self.data / "run.json").read_text())
        except (FileNotFoundError, ValueError):
            return False
        self.ports, self.pids = dict(run["ports"]), dict(run["pids"])
        return True

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.kill()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without what would steer the product, plus ``extra``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(FOREIGN) and not name.endswith("_API_KEY")
    }
    return kept | dict(extra)


def _flat(pids: Mapping[str, Any]) -> list[int]:
    """Return all pids of a run file; a component may have one or several."""
    return [
        pid for value in pids.values() for pid in (value if isinstance(value, list) else [value])
    ]


def _tail(file: Path) -> str:
    with file.open("rb") as source:
        size = source.seek(0, os.SEEK_END)
        source.seek(max(0, size - LOG_TAIL_BYTES))
        return source.read().decode("utf-8", "replace")
