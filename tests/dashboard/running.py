"""The dashboard as a process of its own, for tests: started, signed into, ended."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode

from tests.dashboard.book import SYSTEM_KEY

from tollkeeper_dashboard.door.password import Password

PASSWORD: Final = "correct horse battery staple"


@dataclass
class RunningDashboard:
    """One dashboard over the SQL endpoint on ``sql_port``; port 0 picks a free one."""

    folder: Path
    sql_port: int
    port: int = 0

    def __enter__(self) -> Self:
        self._start()
        report = self.folder / "run" / "dashboard.json"
        until = time.monotonic() + 60
        while not report.exists():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.05)
        self.port = json.loads(report.read_text())["ports"]["dashboard"]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self.end(signal.SIGTERM)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def end(self, by: signal.Signals) -> int:
        self._process.send_signal(by)
        return self._process.wait(30)

    def run_to_its_end(self) -> int:
        self._start()
        return self._process.wait(60)

    def log(self) -> str:
        return (self.folder / "dashboard.log").read_text()

    def try_password(self, password: str) -> int:
        """Return the HTTP status a password is answered with."""
        return self._post(password).status

    def sign_in(self) -> str:
        """Return the cookie of a new session."""
        answer = self._post(PASSWORD)
        assert answer.status == 303, answer.status
        return (answer.headers["set-cookie"] or "").partition(";")[0]

    def _post(self, password: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(
            "POST",
            "/login",
            urlencode({"password": password}),
            {"content-type": "application/x-www-form-urlencoded"},
        )
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # A cheap hash: the cost of the real one is tested where it belongs.
        (self.folder / "dashboard.password").write_text(Password.of(PASSWORD, n=2**10).text())
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TOLLKEEPER_", "STREAM"))}
        with (self.folder / "dashboard.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "tollkeeper_dashboard",
                    "--data", str(self.folder), "--dashboard-port", str(self.port),
                ],
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **kept,
                    "TOLLKEEPER_SQL_PORT": str(self.sql_port),
                    "TOLLKEEPER_SYSTEM_KEY": SYSTEM_KEY,
                },
            )  # fmt: skip
