"""Each component alone, with a folder of its own, as the containers run them.

The configuration is that of deploy/, with addresses of this machine and, since no ClickHouse server
is at hand, the embedded engine in the collector.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml
from tests.equipment import postgres
from tests.equipment.places import REPOSITORY
from tests.equipment.sql import Sql
from tests.equipment.stack import clean_environment

pytestmark = [
    pytest.mark.skipif(not postgres.is_installed(), reason=postgres.ABSENT),
    pytest.mark.timeout(240),
]

READY_WITHIN_S: Final = 90.0
POLL_S: Final = 0.05
# What the containers share, and nothing else: no folder, no run.json.
VARIABLES: Final = {
    "POSTGRES_PASSWORD": "unused-here",
    "CLICKHOUSE_PASSWORD": "unused-here",
    "TOLLKEEPER_SYSTEM_KEY": "one-long-text-that-all-three-know",
}


def configuration(folder: Path, control_url: str, ports: Mapping[str, int]) -> Path:
    """Write the configuration of deploy/ with the addresses of this machine."""
    settings: dict[str, Any] = yaml.safe_load((REPOSITORY / "deploy/tollkeeper.yaml").read_text())
    for section in ("server", "collector", "dashboard"):
        settings[section]["host"] = "127.0.0.1"
    settings["control"]["url"] = control_url
    settings["storage"]["url"] = f"chdb://{folder / 'analytics'}"
    settings["state"]["url"] = f"sqlite:///{folder / 'state.db'}"
    settings["telemetry"]["otlp"] = [f"http://127.0.0.1:{ports.get('otlp', 4318)}"]
    settings["dashboard"]["sql_url"] = f"http://127.0.0.1:{ports.get('sql', 8123)}"
    file = folder / "tollkeeper.yaml"
    file.write_text(yaml.safe_dump(settings))
    return file


@contextmanager
def running(name: str, config: Path, *flags: str) -> Iterator[dict[str, int]]:
    """Run a component by its verb, in a folder of its own; yield its ports."""
    data = config.parent / f"{name}-data"
    command = [sys.executable, "-m", "tollkeeper", name, "--config", str(config)]
    log = config.parent / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--data", str(data), *flags],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=clean_environment(VARIABLES),
            start_new_session=True,
        )
    try:
        yield _ports(data / "run", process, log)
    finally:
        process.terminate()
        assert process.wait(40) == 0, log.read_text()[-3000:]


def _ports(run: Path, process: subprocess.Popen[bytes], log: Path) -> dict[str, int]:
    until = time.monotonic() + READY_WITHIN_S
    while process.poll() is None and time.monotonic() < until:
        for file in run.glob("*.json"):
            with suppress(ValueError):
                return dict(json.loads(file.read_text())["ports"])
        time.sleep(POLL_S)
    raise AssertionError(f"not ready: {log.read_text()[-3000:]}")


def create_key(config: Path, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tollkeeper", "keys", "create", "--config", str(config), *options],
        capture_output=True,
        text=True,
        env=clean_environment({**VARIABLES, "TOLLKEEPER_DATA": str(config.parent / "keys-data")}),
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()[-1]


def test_three_processes_that_share_stores_and_a_key_are_one_product(tmp_path: Path) -> None:
    with postgres.running() as control_url:
        config = configuration(tmp_path, control_url, {})
        key = create_key(config, "--name", "first", "--budget-usd", "1")
        ports_flags = ("--otlp-port", "0", "--otlp-grpc-port", "0", "--sql-port", "0")
        with running("collector", config, *ports_flags) as collector:
            config = configuration(tmp_path, control_url, collector)
            with (
                running("proxy", config, "--proxy-port", "0") as proxy,
                running("dashboard", config, "--dashboard-port", "0") as dashboard,
            ):
                answer = _ask(proxy["proxy"], key)
                row = _row(collector["sql"], key, answer.headers["x-request-id"])
                door = httpx.get(f"http://127.0.0.1:{dashboard['dashboard']}/livez")
    assert answer.json()["choices"][0]["message"]["content"] == "Hello"
    assert answer.headers["x-tollkeeper-budget-remaining-usd"].startswith("0.9")
    assert row["key_name"] == "first"
    assert row["input_preview"] == "Hello", "the system's key must let redacted content through"
    assert door.text == "ok"


def _ask(port: int, key: str) -> httpx.Response:
    answer = httpx.post(
        f"http://127.0.0.1:{port}/v1/chat/completions",
        headers={"Authorization": f"Bearer {key}"},
        json={"model": "demo/echo", "messages": [{"role": "user", "content": "Hello"}]},
    )
    return answer.raise_for_status()


def _row(port: int, key: str, request_id: str) -> dict[str, Any]:
    question = "SELECT key_name, input_preview FROM llm_calls WHERE request_id = {id:String}"
    with Sql(port, key) as sql:
        return sql.wait(question, {"id": request_id})[0]
