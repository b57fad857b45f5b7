"""Files that are there whole or not at all, and in place of others only when that is asked."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from tollkeeper.errors import TollkeeperError, UseError


class Draft:
    """A binary file that counts and hashes what is written to it; it only goes forward."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.size_bytes = 0
        self.closed = False

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def write(self, data: bytes) -> int:
        piece = bytes(data)
        self._file.write(piece)
        self._sha256.update(piece)
        self.size_bytes += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self.size_bytes

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Leave closing to whoever opened the file."""

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def as_file(self) -> IO[bytes]:
        return cast(IO[bytes], self)


@contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[Draft]:
    """Write a draft beside ``path`` and put it in place at the end; on any error nothing is left.

    Only the owner may read it. UseError when the file exists and ``force`` is not given.
    """
    refuse_existing(path, force=force)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as failure:
        raise UseError(f"{path}: cannot be written: {failure.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield (writing := Draft(file))
            writing.flush()
            os.fsync(file.fileno())
        _put(draft, path, force)
    except OSError as failure:
        raise TollkeeperError(f"{path}: could not be written: {failure.strerror}") from failure
    finally:
        draft.unlink(missing_ok=True)


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raise UseError when something stands there already."""
    if not force and (path.exists() or path.is_symlink()):
        raise UseError(f"{path}: is there already; --force replaces it")


def _put(draft: Path, path: Path, force: bool) -> None:
    if force:
        draft.replace(path)
        return
    try:
        os.link(draft, path)  # unlike a rename it never replaces
    except FileExistsError:
        raise UseError(f"{path}: is there already; --force replaces it") from None
