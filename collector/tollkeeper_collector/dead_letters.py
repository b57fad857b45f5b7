"""Rows the store will never take, one JSON line each, in a file per refusal.

The file is named after the block's token and written whole: a repeat after a crash replaces it.
"""

import hashlib
import os
from pathlib import Path

import orjson

from tollkeeper_collector.journal.segment import sync_folder
from tollkeeper_collector.store import Block


class DeadLetters:
    """The folder of refused rows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def keep(self, block: Block, reason: str) -> None:
        """Write a block's rows down durably; raise OSError when that fails."""
        name = hashlib.sha256(block.token.encode()).hexdigest()[:32]
        path = self._folder / f"{name}.jsonl"
        draft = path.with_suffix(".draft")
        with draft.open("wb") as file:
            for values in zip(*block.data, strict=True):
                row = dict(zip(block.columns, values, strict=True))
                file.write(orjson.dumps({"table": block.table, "reason": reason, "row": row}))
                file.write(b"\n")
            file.flush()
            os.fdatasync(file.fileno())
        draft.replace(path)
        sync_folder(self._folder)
