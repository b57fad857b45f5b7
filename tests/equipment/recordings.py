"""All recorded provider traffic as interactions, with a list of what could not be loaded.

Parsed once for all test processes: a snapshot in pytest's cache folder, keyed by what it read.
"""

import csv
import hashlib
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.equipment import cassette, interaction
from tests.equipment.cassette import UnreadableRecording
from tests.equipment.interaction import Interaction
from tests.equipment.places import REPOSITORY, shared

CACHE_FOLDER: Final = REPOSITORY / ".pytest_cache" / "recordings"
CHAT: Final = "chat.completions"


@dataclass(frozen=True, slots=True)
class Unloaded:
    """A row of the manifest that gives nothing to replay, and why."""

    file: str
    index: str
    reason: str


@dataclass(frozen=True, slots=True)
class Recordings:
    """What was loaded, in the manifest's order, and what was not."""

    interactions: tuple[Interaction, ...]
    unloaded: tuple[Unloaded, ...]


@cache
def recordings() -> Recordings:
    """Return every recorded interaction; the first caller on the machine parses the files."""
    traffic = shared() / "data" / "traffic"
    snapshot = CACHE_FOLDER / f"{_state_of(traffic)}.pickle"
    if snapshot.is_file():
        return _read(snapshot)
    loaded = load(traffic)
    _write(snapshot, loaded)
    return loaded


def chat_interactions() -> tuple[Interaction, ...]:
    """Return every recorded chat completion in the OpenAI dialect, of all providers."""
    return tuple(each for each in recordings().interactions if each.endpoint == CHAT)


def load(traffic: Path) -> Recordings:
    """Read the manifest and every cassette it names."""
    with (traffic / "manifest.csv").open(newline="") as manifest:
        rows = list(csv.DictReader(manifest))
    interactions: list[Interaction] = []
    unloaded: list[Unloaded] = []
    for file, group in _by_file(rows):
        try:
            recorded = cassette.parse_file(file, (traffic / file).read_bytes())
        except (UnreadableRecording, OSError, ValueError) as error:
            unloaded.extend(Unloaded(file, row["i"], str(error)) for row in group)
            continue
        for row in group:
            try:
                interactions.append(cassette.interaction_of(row, recorded[int(row["i"] or 0)]))
            except (UnreadableRecording, LookupError) as error:
                unloaded.append(Unloaded(file, row["i"], str(error)))
    return Recordings(tuple(interactions), tuple(unloaded))


def _by_file(rows: list[dict[str, str]]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    groups: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault(row["file"], []).append(row)
    yield from groups.items()


def _state_of(traffic: Path) -> str:
    """Name the state of all a snapshot depends on: the files and the code that reads them."""
    sources = [Path(module.__file__ or "") for module in (cassette, interaction)]
    sources += [Path(__file__), traffic / "manifest.csv"]
    marks = [f"{path}:{path.stat().st_mtime_ns}:{path.stat().st_size}" for path in sources]
    for folder, _, files in os.walk(traffic):
        marks += [f"{folder}/{file}" for file in files]
        marks.append(str(Path(folder).stat().st_mtime_ns))
    return hashlib.sha256("\n".join(sorted(marks)).encode()).hexdigest()[:20]


def _read(snapshot: Path) -> Recordings:
    with snapshot.open("rb") as source:
        loaded = pickle.load(source)
    if not isinstance(loaded, Recordings):
        raise TypeError(f"{snapshot} holds something else; remove it")
    return loaded


def _write(snapshot: Path, loaded: Recordings) -> None:
    """Put the snapshot in place whole: another process may be doing the same."""
    snapshot.parent.mkdir(parents=True, exist_ok=True)
    for stale in snapshot.parent.glob("*.pickle"):
        if stale != snapshot:
            stale.unlink(missing_ok=True)
    draft = snapshot.with_suffix(f".{os.getpid()}.draft")
    draft.write_bytes(pickle.dumps(loaded, protocol=pickle.HIGHEST_PROTOCOL))
    draft.replace(snapshot)
