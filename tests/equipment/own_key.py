"""A virtual key put straight into a data folder: the command line takes seconds to start.

That the command line makes the same keys is a test of its own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tollkeeper.control.keys import KeyStore
from tollkeeper.control.schema import migrate


def own_key(data: Path, name: str, **options: Any) -> str:
    """Create a key in the control store of a data folder and return it."""
    url = f"sqlite:///{data / 'control.db'}"
    migrate(url)
    store = KeyStore(url)
    try:
        key, _ = store.create(name, **options)
    finally:
        store.close()
    return key


def with_budget(nanousd: int) -> Mapping[str, Any]:
    """Return the options of a key with a budget for good."""
    return {"budget_nanousd": nanousd, "budget_period": "total"}
