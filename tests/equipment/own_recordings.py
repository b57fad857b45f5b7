"""Our own small recordings: the built-in provider's answers, recorded with vcrpy.

They stand in for the large collection where that is absent, so that every path of a chat
completion is covered in any checkout. ``python -m tests.end_to_end.record`` makes them again.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.equipment import cassette
from tests.equipment.interaction import Interaction
from tests.equipment.places import REPOSITORY

FOLDER: Final = REPOSITORY / "tests" / "end_to_end" / "recordings"
PROVIDER: Final = "own"


@cache
def own_recordings() -> tuple[Interaction, ...]:
    """Return every recording of our own, by file and order."""
    return tuple(
        _interaction(file, number, recorded)
        for file in sorted(FOLDER.glob("*.yaml"))
        for number, recorded in enumerate(cassette.parse_file(file.name, file.read_bytes()))
    )


def _interaction(file: Path, number: int, recorded: Any) -> Interaction:
    request = json.loads(recorded["request"]["body"])
    row = {
        "file": f"own/{file.name}",
        "i": str(number),
        "kind": "http",
        "provider": PROVIDER,
        "host": "",
        "method": recorded["request"]["method"],
        "path": "",
        "endpoint": "chat.completions",
        "model": request["model"],
        "stream": str(bool(request.get("stream"))),
    }
    return cassette.interaction_of(row, recorded)
