"""Processes of a benchmark: where they run, what they burn, how they end.

Reads /proc of processes we started; pins them with taskset when the machine has two CPUs.
"""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tollkeeper.supervisor.orphans import ends_with_parent

TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
LOAD_CPU: Final = 0  # the load and the upstream
GATEWAY_CPU: Final = 1  # what is measured, alone
ENDS_WITHIN_S: Final = 15


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory; ``pss`` counts shared pages in part. Bytes."""

    rss: int
    pss: int


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def pinned(cpu: int, command: Sequence[str]) -> list[str]:
    """Return the command bound to one CPU, where that means anything."""
    taskset = shutil.which("taskset")
    if taskset is None or (os.cpu_count() or 1) < 2:
        return list(command)
    return [taskset, "-c", str(cpu), *command]


def start(
    command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            list(command),
            stdout=output,
            stderr=output,
            env=dict(env) if env else None,
            start_new_session=True,
            preexec_fn=ends_with_parent(),  # noqa: PLW1509 - no thread of ours runs meanwhile
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        for pid in family(process.pid):
            _kill(pid)
        process.wait(ENDS_WITHIN_S)


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        direct = [int(child) for child in children.read_text().split()]
    except FileNotFoundError:
        return []
    return [pid, *(member for child in direct for member in family(child))]


def cpu_s(pid: int) -> float:
    """Return the CPU seconds a process and its descendants have used."""
    return sum(_cpu_ticks(member) for member in family(pid)) / TICKS_PER_S


def memory(pid: int) -> Memory:
    """Return the resident memory of a process and its descendants."""
    rss = pss = 0
    for member in family(pid):
        try:
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        kilobytes = {line.split(":")[0]: line.split()[-2] for line in lines[1:]}
        rss += int(kilobytes["Rss"]) * 1024
        pss += int(kilobytes["Pss"]) * 1024
    return Memory(rss, pss)


def _cpu_ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(fields[11]) + int(fields[12])  # utime and stime, proc(5)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
