"""The collector as a process of its own on free ports, to be asked, stopped and killed."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml
from tests.equipment.stack import clean_environment

from tollkeeper.control import KeyStore
from tollkeeper.control.schema import migrate

SYSTEM_KEY: Final = "system-secret"
READY_WITHIN_S: Final = 60.0
STORED_WITHIN_S: Final = 60.0
COUNTS: Final = "tollkeeper_collector_"


class CollectorProcess:
    """A collector on a data folder."""

    def __init__(self, folder: Path, settings: Mapping[str, object] | None = None) -> None:
        self.data = folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self._config = folder / "tollkeeper.yaml"
        self._config.write_text(yaml.safe_dump(dict(settings or {})))
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self.ports: dict[str, int] = {}
        self.flags = dict.fromkeys(("--otlp-port", "--otlp-grpc-port", "--sql-port"), "0")

    def key(self, tenant_id: str = "t1") -> str:
        """Make a key."""
        url = f"sqlite:///{self.data / 'control.db'}"
        migrate(url)
        store = KeyStore(url)
        key, _ = store.create(tenant_id, tenant_id=tenant_id)
        store.close()
        return key

    def start(self) -> None:
        """Start it and wait until it serves."""
        report = self.data / "run" / "collector.json"
        report.unlink(missing_ok=True)
        self.launch()
        until = time.monotonic() + READY_WITHIN_S
        while not report.exists():
            assert self._process is not None
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.01)
        self.ports = json.loads(report.read_text())["ports"]

    def launch(self) -> "subprocess.Popen[bytes]":
        """Start it without waiting."""
        command = [sys.executable, "-m", "tollkeeper_collector", "--data", str(self.data)]
        command += ["--config", str(self._config)]
        command += [word for flag in self.flags.items() for word in flag]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stderr=log, env=clean_environment({"TOLLKEEPER_SYSTEM_KEY": SYSTEM_KEY})
            )
        return self._process

    def log(self) -> str:
        return self._log.read_text()

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to leave; return its exit status."""
        return self._end(signal.SIGTERM)

    def post(self, path: str, body: bytes, key: str, **headers: str) -> tuple[int, bytes]:
        """Send a request to the OTLP port; raise OSError when it is not answered."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        default = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {key}"}
        return _ask(self.ports["otlp"], "POST", path, body, {**default, **named})

    def sql(self, query: str, key: str) -> list[list[str]]:
        """Ask the SQL port; return rows of text."""
        path = f"/?{urllib.parse.urlencode({'query': query})}"
        headers = {"Authorization": f"Bearer {key}"}
        status, body = _ask(self.ports["sql"], "GET", path, b"", headers)
        assert status == 200, body
        return [line.split("\t") for line in body.decode().splitlines()]

    def get(self, path: str) -> tuple[int, bytes]:
        return _ask(self.ports["otlp"], "GET", path, b"", {})

    def counts(self) -> dict[str, int]:
        """Return the loss ledger: records by outcome, over all signals and reasons."""
        counts: dict[str, int] = {}
        for line in self.get("/metrics")[1].decode().splitlines():
            name, _, value = line.rpartition(" ")
            if line.startswith(COUNTS) and "_records" in name:
                outcome = name.removeprefix(COUNTS).partition("_records")[0]
                counts[outcome] = counts.get(outcome, 0) + int(value)
        return counts

    def wait_stored(self) -> dict[str, int]:
        """Wait until nothing waits for the store; return the loss ledger."""
        until = time.monotonic() + STORED_WITHIN_S
        while self.counts()["waiting"]:
            assert time.monotonic() < until, self.log()
            time.sleep(0.02)
        time.sleep(0.05)  # the count is taken after the journal has let go
        return self.counts()

    def _end(self, by: signal.Signals) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        if process.poll() is None:
            os.kill(process.pid, by)
        return process.wait(60)


def _ask(
    port: int, method: str, path: str, body: bytes, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()
