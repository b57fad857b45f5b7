"""Who said what: one model's part of the file and the single places that override it.

It validates them into settings and can tell for each setting where its value came from. No message
holds a value that came from the environment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tollkeeper.config import document
from tollkeeper.config.complaints import complaint
from tollkeeper.config.document import Document, Node
from tollkeeper.config.environment import Environment
from tollkeeper.errors import ConfigError
from tollkeeper.masking import mask

Settings = TypeVar("Settings", bound=BaseModel)
Origin = Literal["flag", "env", "default"]

SECRET_CHARACTERS: Final = 4  # shorter values from the environment are words and numbers


@dataclass(frozen=True, slots=True)
class Override:
    """A single place set from outside the file; a ``default`` gives way to the file."""

    field: str  # dotted: "server.port"
    value: object
    origin: Origin
    name: str = ""  # the flag or variable, for messages


@dataclass(frozen=True, slots=True)
class Sources:
    """The file's part for one model, resolved, and what overrides it, by dotted field."""

    file: Document
    root: Node
    overrides: Mapping[str, Override]

    @classmethod
    def of(
        cls,
        model: type[BaseModel],
        file: Document,
        environment: Environment,
        overrides: Sequence[Override],
    ) -> "Sources":
        """Take the sections and overrides that the model has; others are somebody else's."""
        owned = {name: node for name, node in file.root.items() if name in model.model_fields}
        root = document.resolve(Node(owned, 1), environment, name=file.name)
        chosen = {
            each.field: each
            for each in overrides
            if _has_field(model, each.field)
            and (each.origin != "default" or document.find(root, _steps(each.field)) is None)
        }
        return cls(file, root, chosen)

    def validate(self, model: type[Settings]) -> Settings:
        """Return the settings, or raise ConfigError about the first mistake in the file."""
        data = document.plain(self.root)
        if not isinstance(data, dict):
            raise TypeError("the root of a document is a mapping")
        for each in self.overrides.values():
            _put(data, _steps(each.field), each.value)
        try:
            return model.model_validate(data)
        except ValidationError as failure:
            errors = _causes(failure.errors(include_url=False, include_input=False))
            raise ConfigError(self._message(model, errors)) from None

    def source(self, place: tuple[str, ...]) -> str:
        """Say where the value at a place came from; the nearest node that set it counts."""
        for length in range(len(place), 0, -1):
            override = self.overrides.get(".".join(place[:length]))
            if override is not None:
                return override.name or override.origin
            node = document.find(self.root, place[:length])
            if node is not None and (length == len(place) or not _has_names(node)):
                return f"{self.file.name}:{node.line}"
        return "default"

    def _message(self, model: type[BaseModel], errors: list[ErrorDetails]) -> str:
        found = sorted((self._line(each["loc"]), index) for index, each in enumerate(errors))
        line, first = found[0]
        override = self.overrides.get(".".join(str(step) for step in errors[first]["loc"]))
        where = f"{self.file.name}:{line}" if self.file.name else "settings"
        if override is not None and override.name:
            where = override.name
        text = complaint(model, errors[first])
        for value in document.interpolated(self.root):
            if len(value) >= SECRET_CHARACTERS:
                text = text.replace(value, "***")
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        return f"{where}: {mask(text)}{more}"

    def _line(self, place: tuple[str | int, ...]) -> int:
        for length in range(len(place), 0, -1):
            node = document.find(self.root, place[:length])
            if node is not None:
                return node.line
        return 1


def _causes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out what is wrong only because something inside it is."""
    places = [each["loc"] for each in errors]
    return [
        each
        for each in errors
        if not any(place[: len(each["loc"])] == each["loc"] != place for place in places)
    ]


def _has_field(model: type[BaseModel], field: str) -> bool:
    for step in field.split("."):
        if step not in model.model_fields:
            return False
        inner = model.model_fields[step].annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return True


def _put(data: dict[str, object], steps: tuple[str, ...], value: object) -> None:
    for step in steps[:-1]:
        if data.get(step) is None:
            data[step] = {}
        inner = data[step]
        if not isinstance(inner, dict):
            return  # the file has something else there, and validation will say so
        data = inner
    data[steps[-1]] = value


def _steps(field: str) -> tuple[str, ...]:
    return tuple(field.split("."))


def _has_names(node: Node) -> bool:
    return isinstance(node.content, Mapping)
