"""The proxy alone, as the one process it is, without collector or dashboard.

For benchmarks, and for tests whose subject ends at the proxy.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import yaml
from tests.equipment.own_key import own_key
from tests.equipment.raw_http import RawConnection
from tests.equipment.stack import NotReady, clean_environment

from tollkeeper.supervisor.orphans import ends_with_parent

READY_WITHIN_S: Final = 40.0
ENDS_WITHIN_S: Final = 20.0
POLL_S: Final = 0.02


@dataclass(slots=True)
class ProxyProcess:
    """A running proxy; ``prefix`` goes before its command, ``key_options`` to its key."""

    folder: Path
    settings: Mapping[str, Any]
    key_options: Mapping[str, Any] = field(default_factory=dict)
    prefix: Sequence[str] = ()
    port: int = 0
    key: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> str:
        return (self.folder / "proxy.log").read_text("utf-8", "replace")

    @property
    def pid(self) -> int:
        if self.process is None:
            raise NotReady("not started")
        return self.process.pid

    def connect(self, *, timeout_s: float = 20.0) -> RawConnection:
        return RawConnection(self.port, timeout_s=timeout_s)

    def __enter__(self) -> Self:
        self.data.mkdir(parents=True)
        config = self.folder / "tollkeeper.yaml"
        config.write_text(yaml.safe_dump(dict(self.settings)))
        self.key = own_key(self.data, "tests", **self.key_options)
        command = [*self.prefix, sys.executable, "-m", "tollkeeper_proxy"]
        with (self.folder / "proxy.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--config", str(config), "--data", str(self.data), "--proxy-port", "0"],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=clean_environment({}),
                start_new_session=True,
                # A test run that is killed takes what it started with it.
                preexec_fn=ends_with_parent(),  # noqa: PLW1509 - one call of the C library
            )
        try:
            self._wait_ready()
        except NotReady:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def _wait_ready(self) -> None:
        report = self.data / "run" / "proxy-0.json"
        until = time.monotonic() + READY_WITHIN_S
        while not report.is_file():
            if self.process is None or self.process.poll() is not None:
                raise NotReady(f"it ended instead of starting: {self.log[-2000:]}")
            if time.monotonic() > until:
                raise NotReady(f"not ready after {READY_WITHIN_S} s: {self.log[-2000:]}")
            time.sleep(POLL_S)
        self.port = int(json.loads(report.read_text())["ports"]["proxy"])

    def _end(self) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(ENDS_WITHIN_S)
