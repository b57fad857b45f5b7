"""Every generated page by its file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tests.equipment.places import REPOSITORY
from tests.layout.reference import cli, configuration, headers, metrics, spans, tables

FOLDER: Final = REPOSITORY / "docs" / "reference"
PAGES: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {
        "cli.md": cli.text,
        "configuration.md": configuration.text,
        "headers.md": headers.text,
        "metrics.md": metrics.text,
        "spans.md": spans.text,
        "tables.md": tables.text,
    }
)


def file_of(name: str) -> Path:
    return FOLDER / name
