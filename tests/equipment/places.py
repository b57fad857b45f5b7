"""Where things are: the checkout, and the recorded material beside it."""

import os
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
ABSENT: Final = "recorded material is absent (../shared, or TOLLKEEPER_SHARED)"


def shared() -> Path:
    """Return the folder of recorded material; it may not exist."""
    return Path(os.environ.get("TOLLKEEPER_SHARED", REPOSITORY.parent / "shared"))


def has_shared() -> bool:
    return (shared() / "data" / "traffic" / "manifest.csv").is_file()
