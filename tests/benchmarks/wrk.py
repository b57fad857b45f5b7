"""One run of wrk: closed loop, one thread, so many connections, so many seconds."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmarks.processes import LOAD_CPU, pinned

SCRIPT: Final = Path(__file__).with_name("post.lua")


@dataclass(frozen=True, slots=True)
class Run:
    """What wrk saw."""

    requests_per_s: float
    p50_us: int
    p99_us: int
    errors: int
    requests: int


def is_present() -> bool:
    return shutil.which("wrk") is not None


def run(url: str, body: Path, *, connections: int, seconds: int, headers: Mapping[str, str]) -> Run:
    """Load one URL and return what came of it."""
    command = [
        *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"),
        *("-s", str(SCRIPT), url, "--", str(body)),
        *(f"{name}={value}" for name, value in headers.items()),
    ]
    output = subprocess.run(
        pinned(LOAD_CPU, command), capture_output=True, text=True, timeout=seconds + 30, check=True
    ).stdout
    result = json.loads(output.rpartition("RESULT ")[2])
    return Run(
        requests_per_s=result["requests"] / (result["duration_us"] / 1e6),
        p50_us=result["p50_us"],
        p99_us=result["p99_us"],
        errors=result["bad_status"] + result["bad_socket"],
        requests=result["requests"],
    )
