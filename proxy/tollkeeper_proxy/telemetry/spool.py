"""Batches of spans on disk while the collector is away: a folder of files, oldest first, bounded.

A batch is written under another name and renamed, so a crash leaves whole files only. When the
folder is full the new batch is turned away: what was promised first is kept. Blocking: callers use
a thread.
"""

import os
import re
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"(?P<number>\d{12})-(?P<spans>\d{1,9})\.otlp\.json")


@dataclass(frozen=True, slots=True)
class SpooledBatch:
    """One batch as it lies on disk."""

    path: Path
    body: bytes
    span_count: int


@dataclass(frozen=True, slots=True)
class _Kept:
    path: Path
    size_bytes: int


class Spool:
    """A bounded folder of batches; one process writes and reads it."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._files: deque[_Kept] = deque()
        self._size_bytes = 0
        self._sizing = threading.Lock()  # one thread puts while another drops
        self._next = 0
        self.unreadable_spans = 0

    def open(self) -> None:
        """Take stock of what a former run left."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for stale in self._folder.glob("*.part"):
            stale.unlink(missing_ok=True)
        ours = (path for path in self._folder.iterdir() if _NAME.fullmatch(path.name))
        self._files = deque(_Kept(path, path.stat().st_size) for path in sorted(ours))
        self._size_bytes = sum(kept.size_bytes for kept in self._files)
        if self._files:
            self._next = int(self._files[-1].path.name.partition("-")[0]) + 1

    def waiting(self) -> int:
        """Return how many batches wait."""
        return len(self._files)

    def put(self, body: bytes, span_count: int) -> bool:
        """Keep a batch; False when there is no room for it."""
        if self._size_bytes + len(body) > self._limit_bytes:
            return False
        path = self._folder / f"{self._next:012d}-{span_count}.otlp.json"
        part = path.with_suffix(".part")
        try:
            with open(part, "wb", opener=_private) as file:
                file.write(body)
            part.rename(path)
        except OSError:
            part.unlink(missing_ok=True)
            return False
        self._next += 1
        self._grow(len(body))
        self._files.append(_Kept(path, len(body)))
        return True

    def oldest(self) -> SpooledBatch | None:
        """Return the batch to send next, None when there is none; unreadable files are skipped."""
        while self._files:
            path = self._files[0].path
            try:
                body = path.read_bytes()
            except OSError:
                self._grow(-self._files.popleft().size_bytes)
                self.unreadable_spans += _span_count(path)
                continue
            return SpooledBatch(path, body, _span_count(path))
        return None

    def drop(self, batch: SpooledBatch) -> None:
        """Forget a batch that has been dealt with."""
        if self._files and self._files[0].path == batch.path:
            self._grow(-self._files.popleft().size_bytes)
        batch.path.unlink(missing_ok=True)

    def _grow(self, size_bytes: int) -> None:
        with self._sizing:
            self._size_bytes += size_bytes


def _span_count(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    return int(found["spans"]) if found else 0


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
