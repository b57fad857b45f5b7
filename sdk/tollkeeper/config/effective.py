"""Every setting as it came out, with where it came from; secrets are masked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, SecretStr

from tollkeeper.config.environment import Environment
from tollkeeper.config.sections import open_sources
from tollkeeper.config.sources import Override
from tollkeeper.masking import mask


@dataclass(frozen=True, slots=True)
class Effective:
    """What a setting came out as; ``source`` is ``file:line``, a flag, a variable or default."""

    field: str
    value: str
    source: str


def effective(
    model: type[BaseModel],
    *,
    path: Path | None,
    environment: Environment,
    overrides: Sequence[Override] = (),
) -> list[Effective]:
    """Return every setting of a model, in the model's order; raises ConfigError."""
    sources = open_sources(model, path, environment, overrides)
    settings = sources.validate(model)
    return [
        Effective(".".join(place), _shown(value), sources.source(place))
        for place, value in _leaves(settings, ())
    ]


def _leaves(value: object, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _leaves(getattr(value, name), (*place, name))
    elif isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, (*place, str(key)))
    elif isinstance(value, tuple | list) and any(isinstance(item, BaseModel) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(item, (*place, str(index)))
    else:
        yield place, value


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "***" if value.get_secret_value() else ""
    if isinstance(value, Mapping):
        return ""  # only an empty one is a leaf
    if isinstance(value, tuple | list):
        return ", ".join(_shown(item) for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else mask(str(value))
