"""The book as a running process, for tests: write into it, ask it, close it."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.dashboard.book import SYSTEM_KEY, SaidIn, Written, packed
from tests.equipment.places import REPOSITORY

from tollkeeper_dashboard.client import SqlClient

AT_ONCE = 300  # spans: the endpoint takes half a megabyte


@dataclass
class ReadingRoom:
    """One book on one port."""

    folder: Path

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        report = self.folder / "port"
        with (self.folder / "book.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.dashboard.book", str(self.folder / "store"), report],
                cwd=REPOSITORY,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            )
        until = time.monotonic() + 60
        while not report.exists():
            alive = self._process.poll() is None and time.monotonic() < until
            assert alive, (self.folder / "book.log").read_text()
            time.sleep(0.05)
        self.port = int(report.read_text())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(20)

    def write(self, *spans: Written, said: Sequence[SaidIn] = ()) -> None:
        for first in range(0, max(len(spans), 1), AT_ONCE):
            self._post("/write", packed(spans[first : first + AT_ONCE], said if first == 0 else ()))

    def clear(self) -> None:
        self._post("/clear", {})

    def client(self, key: str = SYSTEM_KEY) -> SqlClient:
        return SqlClient("127.0.0.1", self.port, key)

    def _post(self, path: str, body: object) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
