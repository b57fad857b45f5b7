"""A real PostgreSQL server for one test module, when its programs are installed."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ABSENT: Final = "no PostgreSQL server programs (initdb, postgres) on this machine"


def is_installed() -> bool:
    return all(shutil.which(program) for program in ("initdb", "pg_ctl"))


@contextmanager
def running() -> Iterator[str]:
    """Start a server on loopback in a folder of its own; yield a URL to its empty database."""
    folder = Path(tempfile.mkdtemp(prefix="tollkeeper-postgres-"))
    account = "nobody" if os.geteuid() == 0 else None  # the server refuses to run as root
    if account:
        os.chown(folder, pwd.getpwnam(account).pw_uid, -1)
    data, port = folder / "data", _free_port()
    options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
    _run(account, folder, "initdb", "-D", str(data), "-U", "owner", "-A", "trust", "-E", "UTF8")
    control = ("pg_ctl", "-D", str(data), "-w")
    _run(account, folder, *control, "-o", options, "-l", str(folder / "log"), "start")
    try:
        yield f"postgresql://owner@127.0.0.1:{port}/postgres"
    finally:
        _run(account, folder, *control, "-m", "immediate", "stop")
        shutil.rmtree(folder)


def _run(account: str | None, folder: Path, *words: str) -> None:
    done = subprocess.run(
        words,
        user=account,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if words[-1] != "start" else subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{words[0]} failed: {(done.stdout or b'').decode()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
