"""The data folder as its one supervisor has it: locked, and holding what must stay secret.

The children inherit the lock: it is free again only when the last of them is gone, so that a new
run never meets the remains of an old one.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tollkeeper.errors import UseError
from tollkeeper.keys import mint
from tollkeeper.readiness import write_atomically

LEFTOVERS_S: Final = 20.0  # children whose supervisor was killed drain for at most that long
POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A folder that is ours; ``lock`` is the descriptor that says so."""

    path: Path
    lock: int

    @property
    def run_file(self) -> Path:
        return self.path / "run.json"

    def log_file(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    @property
    def temporary(self) -> Path:
        """Where the components put what they write on the way: it may hold prompts."""
        return temporary_folder(self.path)

    def write_run_file(self, ports: Mapping[str, int], pids: Mapping[str, int]) -> None:
        """Say to all who look what runs here."""
        write_atomically(self.run_file, {"ports": dict(ports), "pids": dict(pids)})

    def remove_run_file(self) -> None:
        self.run_file.unlink(missing_ok=True)

    def system_key(self) -> str:
        """Return the key our own components know each other by; made when first asked for."""
        file = self.path / "system.key"
        if not file.exists():
            write_secret(file, mint())
        return file.read_text().strip()

    def close(self) -> None:
        """Give the folder back."""
        os.close(self.lock)


def take(path: Path, say: Callable[[str], None]) -> DataFolder:
    """Lock a folder, making it if need be; raises UseError when another supervisor has it."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path / "supervisor.lock", os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as failure:
        raise UseError(f"{path}: cannot be the data folder: {failure.strerror}") from None
    if not _try(lock):
        if _supervisor_lives(path):
            os.close(lock)
            raise UseError(f"{path}: another 'tollkeeper up' is running on this data folder")
        say(f"waiting for what an earlier run left behind in {path}")
        _wait(lock, path)
    folder = DataFolder(path, lock)
    _empty_temporary(folder)
    os.truncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    folder.remove_run_file()
    return folder


def temporary_folder(data: Path) -> Path:
    """Return the place for temporary files of everything that runs on a data folder."""
    return data / "tmp"


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read, at once or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)
    draft.replace(path)


def read_run_file(path: Path) -> Mapping[str, object] | None:
    """Return what ``run.json`` of a data folder says, None where nothing runs."""
    try:
        found = json.loads((path / "run.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _empty_temporary(folder: DataFolder) -> None:
    """Throw away what killed processes of an earlier run left half written."""
    shutil.rmtree(folder.temporary, ignore_errors=True)
    folder.temporary.mkdir(mode=0o700, exist_ok=True)


def _try(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(lock: int, path: Path) -> None:
    deadline = time.monotonic() + LEFTOVERS_S
    while not _try(lock):
        if time.monotonic() > deadline:
            os.close(lock)
            raise UseError(f"{path}: processes of an earlier run still use this data folder")
        time.sleep(POLL_S)


def _supervisor_lives(path: Path) -> bool:
    """Tell whether the process that took the lock is there (its children may outlive it)."""
    try:
        pid = int((path / "supervisor.lock").read_text() or 0)
        os.kill(pid, 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return pid > 0
