"""The servers a gateway is measured between: a fast fixed upstream, and nginx as the floor."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmarks.processes import GATEWAY_CPU, LOAD_CPU, free_port, pinned, start, stop
from tests.equipment.script import answer, stream

TEMPLATES: Final = Path(__file__).with_name("nginx")
MODEL: Final = "gpt-4o-mini"  # priced, so that budgets reserve and settle
JSON_BYTES: Final = 576  # a small recorded answer
STREAM_EVENTS: Final = 52  # a short recorded stream: role, 48 deltas, finish, usage, [DONE]
UP_WITHIN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server to send load to, or the upstream behind one."""

    name: str
    port: int
    process: subprocess.Popen[bytes]


def nginx_binary() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def upstream(folder: Path) -> Iterator[Server]:
    """Serve the fixed answers at /json/v1, /sse/v1, and take spans at /v1/traces."""
    root = folder / "answers"
    root.mkdir(parents=True)
    (root / "answer.sse").write_bytes(sse_answer())
    values = {"ROOT": str(root), "JSON": json_answer().decode()}
    with _nginx(folder / "upstream", "upstream", cpu=LOAD_CPU, **values) as server:
        yield server


@contextmanager
def reverse_proxy(folder: Path, target: Server) -> Iterator[Server]:
    """Serve the same through nginx alone."""
    with _nginx(folder / "proxy", "proxy", cpu=GATEWAY_CPU, UPSTREAM=str(target.port)) as server:
        yield server


def json_answer() -> bytes:
    """Return a chat completion of the size we state."""
    empty = len(answer("", model=MODEL).body)
    return answer("x" * (JSON_BYTES - empty), model=MODEL).body


def sse_answer() -> bytes:
    """Return a streamed chat completion of the number of events we state."""
    events = stream(
        *(f" word{number:02d}" for number in range(STREAM_EVENTS - 4)), model=MODEL
    ).events
    if len(events) != STREAM_EVENTS:
        raise AssertionError(f"{len(events)} events instead of {STREAM_EVENTS}")
    return b"".join(events)


def request_body(model: str, *, streamed: bool) -> bytes:
    """Return a small chat request of one short question."""
    request: dict[str, object] = {
        "model": model,
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Name the three longest rivers of Europe, with lengths."},
        ],
        "max_tokens": 64,
    }
    if streamed:
        request |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(request).encode()


def wait_for_port(port: int, process: subprocess.Popen[bytes], *, within_s: float) -> None:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"ended with status {process.returncode} instead of listening")
        with ExitStack() as probe:
            try:
                probe.enter_context(socket.create_connection(("127.0.0.1", port), timeout=1))
            except OSError:
                time.sleep(0.02)
                continue
            return
    raise TimeoutError(f"nothing listens on {port} after {within_s} s")


@contextmanager
def _nginx(folder: Path, template: str, *, cpu: int, **values: str) -> Iterator[Server]:
    folder.mkdir(parents=True)
    port = free_port()
    text = (TEMPLATES / f"{template}.conf").read_text()
    # Started by root, nginx would read our files as nobody.
    user = "user root;" if os.geteuid() == 0 else ""
    for name, value in {"PORT": str(port), "USER": user, **values}.items():
        text = text.replace(f"@{name}@", value)
    config = folder / "nginx.conf"
    config.write_text(text)
    command = [nginx_binary() or "nginx", "-p", str(folder), "-c", str(config)]
    process = start(pinned(cpu, command), log=folder / "nginx.log")
    try:
        wait_for_port(port, process, within_s=UP_WITHIN_S)
        yield Server("nginx", port, process)
    finally:
        stop(process)
