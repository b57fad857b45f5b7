"""Sections of the file into a component's settings model; the list of all sections there are.

A component validates the sections its model has and passes over those of others; a name that is
nobody's is an error.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from pydantic import BaseModel

from tollkeeper.config import document
from tollkeeper.config.complaints import nearest
from tollkeeper.config.document import Document
from tollkeeper.config.environment import Environment
from tollkeeper.config.sources import Override, Sources
from tollkeeper.errors import ConfigError

Settings = TypeVar("Settings", bound=BaseModel)

# Every top-level section of the product and the components that read it.
SECTIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "server": ("proxy",),
        "identity": ("proxy",),
        "providers": ("proxy",),
        "models": ("proxy",),
        "policies": ("proxy",),
        "cache": ("proxy",),
        "content": ("proxy", "collector"),
        "state": ("proxy",),
        "control": ("proxy", "collector"),
        "telemetry": ("proxy",),
        "storage": ("collector",),
        "collector": ("collector",),
        "dashboard": ("dashboard",),
    }
)


def load(
    model: type[Settings],
    *,
    path: Path | None,
    environment: Environment,
    overrides: Sequence[Override] = (),
) -> Settings:
    """Return validated settings; every mistake is one ConfigError of one line."""
    return open_sources(model, path, environment, overrides).validate(model)


def open_sources(
    model: type[BaseModel],
    path: Path | None,
    environment: Environment,
    overrides: Sequence[Override],
) -> Sources:
    """Return what the file and its overrides say to one model."""
    file = document.read(path) if path else document.EMPTY
    check_names(file)
    return Sources.of(model, file, environment, overrides)


def check_names(file: Document) -> None:
    """Refuse a top-level section that belongs to no component."""
    for name, node in file.root.items():
        if name not in SECTIONS:
            hint = nearest(name, SECTIONS)
            raise ConfigError(f"{file.name}:{node.line}: unknown field '{name[:60]}'{hint}")
