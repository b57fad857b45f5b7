"""Settings models in, the page of every setting out."""

import importlib
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from tests.layout.reference.markdown import code, page, table
from tests.layout.source_tree import PACKAGES

LEAD: Final = """One file, `tollkeeper.yaml`, for all components; each reads the sections it knows.
A name that is nobody's is an error at start-up. `${NAME}` takes a value from the environment."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One field: its path in the file, who reads it, and what it says of itself."""

    path: str
    component: str
    kind: str
    default: str
    meaning: str


def text() -> str:
    """Return the page."""
    by_section: dict[str, dict[str, list[Setting]]] = {}
    for setting in settings():
        section = setting.path.split(".")[0]
        by_section.setdefault(section, {}).setdefault(setting.path, []).append(setting)
    parts: list[str] = []
    for section, fields in by_section.items():
        rows = [_row(same) for same in fields.values()]
        parts.append(f"## {section}")
        parts.append(table(["setting", "type", "default", "read by", "meaning"], rows))
    return page("Configuration", LEAD, parts)


def settings() -> Iterator[Setting]:
    """Yield every setting of every component."""
    for component, model in models():
        yield from _fields(model, component, ())


def models() -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield each component that has settings with the model of all its sections."""
    for component, package in PACKAGES.items():
        name = f"{package}.settings"
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name in (package, name):
                continue  # the SDK has none
            raise
        model = getattr(module, f"{component.capitalize()}Settings", None)
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield component, model


def _fields(model: type[BaseModel], component: str, above: tuple[str, ...]) -> Iterator[Setting]:
    for name, field in model.model_fields.items():
        path = (*above, name)
        inner = _model_in(field.annotation)
        if inner is None:
            yield Setting(
                ".".join(path), component, _kind(field.annotation), _default(field), _meaning(field)
            )
            continue
        within = (*path, "NAME") if _is_mapping(field.annotation) else path
        if _is_sequence(field.annotation):
            within = (*above, f"{name}[]")
        yield from _fields(inner, component, within)


def _row(same: list[Setting]) -> list[str]:
    first = same[0]
    kinds = sorted({setting.kind for setting in same})
    readers = ", ".join(setting.component for setting in same)
    meaning = max((setting.meaning for setting in same), key=len)
    return [
        code(first.path),
        ", ".join(code(kind) for kind in kinds),
        first.default,
        readers,
        meaning,
    ]


def _meaning(field: FieldInfo) -> str:
    return field.description or ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, SecretStr):
        return "secret"
    if isinstance(value, tuple):
        return ", ".join(code(item) for item in value) or "empty"
    if isinstance(value, bool) or value is None:
        return code(str(value).lower() if value is not None else "none")
    return code(value) if value != "" else "empty"


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model inside an annotation: itself, optional, or as a container's element."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)


def _is_mapping(annotation: Any) -> bool:
    return get_origin(annotation) is dict or "Mapping" in str(get_origin(annotation))


def _is_sequence(annotation: Any) -> bool:
    return get_origin(annotation) in (tuple, list)


def _kind(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(argument) for argument in get_args(annotation))
    if origin is None:
        name = getattr(annotation, "__name__", str(annotation))
        return {"str": "text", "SecretStr": "secret", "NoneType": "none"}.get(name, name)
    if "Literal" in str(origin):
        return " | ".join(str(argument) for argument in get_args(annotation))
    inner = [argument for argument in get_args(annotation) if argument is not Ellipsis]
    return f"{origin.__name__} of {', '.join(_kind(argument) for argument in inner)}"
