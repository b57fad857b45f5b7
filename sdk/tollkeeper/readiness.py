"""How a component tells the supervisor that it serves: a small file, written at once or not at all.

``DIR/run/<name>.json`` holds ``{"pid": …, "ports": {…}}``; names are ``collector``, ``proxy-0``,
``proxy-1``, …, ``dashboard``.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ready:
    """What a component reported."""

    pid: int
    ports: Mapping[str, int]


def report_ready(data_dir: Path, name: str, ports: Mapping[str, int]) -> None:
    """Say that this process serves on these ports (by the names ``run.json`` uses)."""
    write_atomically(report_path(data_dir, name), {"pid": os.getpid(), "ports": dict(ports)})


def report_path(data_dir: Path, name: str) -> Path:
    return data_dir / "run" / f"{name}.json"


def read_report(data_dir: Path, name: str) -> Ready | None:
    """Return what a component reported, None while it has not."""
    try:
        found = json.loads(report_path(data_dir, name).read_bytes())
    except FileNotFoundError:
        return None
    ports = {str(port): int(number) for port, number in found["ports"].items()}
    return Ready(pid=int(found["pid"]), ports=ports)


def write_atomically(path: Path, content: object) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(content))
    draft.replace(path)
