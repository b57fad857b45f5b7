"""One worker as a process: it says when it serves, drains when told to, and leaves in order."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from tests.equipment import script
from tests.equipment.raw_http import RawConnection, RawResponse, ask, request_bytes
from tests.equipment.scripted_provider import ScriptedProvider
from tests.equipment.stack import clean_environment
from tests.proxy.telemetry.otlp import read_spans

from tollkeeper import semconv as names
from tollkeeper.control import KeyStore
from tollkeeper.control.schema import migrate
from tollkeeper_proxy.server.worker import _bind

READY_WITHIN_S = 60.0
BODY = json.dumps({"model": "lab/m", "messages": [{"role": "user", "content": "hi"}]}).encode()


@contextmanager
def worker(folder: Path, settings: dict[str, object]) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``python -m tollkeeper_proxy`` on this folder."""
    config = folder / "tollkeeper.yaml"
    config.write_text(yaml.safe_dump(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tollkeeper_proxy", "--config", str(config), "--data",
             str(folder / "data"), "--proxy-port", "0"],
            stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=clean_environment({}),
        )  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def port_of(folder: Path, process: subprocess.Popen[bytes]) -> int:
    """Wait until a worker has said where it serves."""
    report = folder / "data" / "run" / "proxy-0.json"
    until = time.monotonic() + READY_WITHIN_S
    while not report.is_file():
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < until, (folder / "log").read_text()
        time.sleep(0.02)
    told = json.loads(report.read_text())
    assert told["pid"] == process.pid
    return int(told["ports"]["proxy"])


def settings_for(provider: ScriptedProvider, folder: Path) -> dict[str, object]:
    return {
        "providers": {"lab": {"base_url": provider.base_url, "dialect": "openai"}},
        "control": {"url": f"sqlite:///{folder / 'control.db'}"},
        "state": {"url": f"sqlite:///{folder / 'state.db'}"},
        "telemetry": {"otlp": ["http://127.0.0.1:9"]},
    }


def key_for(folder: Path) -> str:
    url = f"sqlite:///{folder / 'control.db'}"
    migrate(url)
    store = KeyStore(url)
    try:
        return store.create("tests")[0]
    finally:
        store.close()


def test_serves_until_told_to_stop_and_finishes_what_is_open(tmp_path: Path) -> None:
    with (
        ScriptedProvider() as provider,
        worker(tmp_path, settings_for(provider, tmp_path)) as process,
    ):
        provider.play("m", script.stream("a", "b", "c").but(event_delay_s=0.2))
        port = port_of(tmp_path, process)
        assert ask(port, "/livez", method="GET").body == b"ok\n"
        assert ask(port, "/readyz", method="GET").status == 200
        headers = (("Authorization", f"Bearer {key_for(tmp_path)}"),)
        with RawConnection(port) as client:
            stream = json.dumps({**json.loads(BODY), "stream": True}).encode()
            client.send(request_bytes("/v1/chat/completions", stream, headers=headers))
            provider.wait_for("m")
            process.send_signal(signal.SIGTERM)
            response: RawResponse = client.read_response()
        assert response.status == 200
        assert response.complete
        assert response.body.endswith(b"data: [DONE]\n\n")
        assert process.wait(30) == 0
    log = (tmp_path / "log").read_text()
    assert "draining" in log
    assert "Traceback" not in log
    assert list((tmp_path / "data" / "spool").rglob("*.otlp.json"))  # nobody took its span


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_leaves_at_once_when_idle(tmp_path: Path, by: signal.Signals) -> None:
    with (
        ScriptedProvider() as provider,
        worker(tmp_path, settings_for(provider, tmp_path)) as process,
    ):
        port_of(tmp_path, process)
        process.send_signal(by)
        assert process.wait(30) == 0


def test_a_wrong_setting_is_one_line_and_an_exit(tmp_path: Path) -> None:
    wrong = {"providers": {"lab": {"base_url": "nonsense", "dialect": "openai"}}}
    with worker(tmp_path, wrong) as process:
        assert process.wait(60) == 2
    log = (tmp_path / "log").read_text().strip()
    assert "providers.lab.base_url" in log
    assert "\n" not in log
    assert not (tmp_path / "data" / "run").exists()


def test_a_stream_longer_than_the_drain_is_cut_and_still_accounted(tmp_path: Path) -> None:
    with ScriptedProvider() as provider:
        provider.play("m", script.stream("a", "b", "c").but(event_delay_s=30))
        settings = {**settings_for(provider, tmp_path), "server": {"drain_s": 0.5}}
        with worker(tmp_path, settings) as process:
            port = port_of(tmp_path, process)
            headers = (("Authorization", f"Bearer {key_for(tmp_path)}"),)
            with RawConnection(port) as client:
                stream = json.dumps({**json.loads(BODY), "stream": True}).encode()
                client.send(request_bytes("/v1/chat/completions", stream, headers=headers))
                provider.wait_for("m")
                assert client.read_some().startswith(b"HTTP/1.1 200")
                process.send_signal(signal.SIGTERM)
                rest = client.read_until_close()
                assert b"[DONE]" not in rest
                assert b'"code":"shutdown"' in rest
            assert process.wait(30) == 0
    (file,) = (tmp_path / "data" / "spool").rglob("*.otlp.json")
    server, call = read_spans(file.read_bytes())
    for span in (server, call):
        assert span.attributes[names.OUTCOME] == "truncated"
        assert span.attributes[names.ERROR_TYPE] == "shutdown"
    assert call.attributes[names.USAGE_SOURCE] == "estimated"
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_request_unanswered_at_the_end_of_the_drain_is_told_to_come_again(tmp_path: Path) -> None:
    with ScriptedProvider() as provider:
        provider.play("m", script.answer("late").but(header_delay_s=30))
        settings = {**settings_for(provider, tmp_path), "server": {"drain_s": 0.5}}
        with worker(tmp_path, settings) as process:
            port = port_of(tmp_path, process)
            headers = (("Authorization", f"Bearer {key_for(tmp_path)}"),)
            with RawConnection(port) as client:
                client.send(request_bytes("/v1/chat/completions", BODY, headers=headers))
                provider.wait_for("m")
                process.send_signal(signal.SIGTERM)
                response = client.read_response()
            assert process.wait(30) == 0
    assert (response.status, response.json()["error"]["code"]) == (503, "shutdown")
    assert response.header("retry-after") == "1"


def test_workers_share_a_port(tmp_path: Path) -> None:
    with (
        ScriptedProvider() as provider,
        worker(tmp_path, settings_for(provider, tmp_path)) as process,
    ):
        port = port_of(tmp_path, process)
        listener = _bind("127.0.0.1", port)
        assert listener.getsockname()[1] == port
        listener.close()
