"""What is wrong with a setting, in words: a validation error in, half a line out.

The words name fields and expectations, never the value that was found.
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

NAME_CHARACTERS: Final = 60  # more of a misplaced text need not be repeated

EXPECTATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bool_parsing": "expected true or false",
        "bool_type": "expected true or false",
        "dict_type": "expected named entries",
        "finite_number": "expected a finite number",
        "float_parsing": "expected a number",
        "float_type": "expected a number",
        "int_from_float": "expected a whole number",
        "int_parsing": "expected a whole number",
        "int_parsing_size": "expected a smaller number",
        "int_type": "expected a whole number",
        "list_type": "expected a list",
        "model_type": "expected named fields",
        "model_attributes_type": "expected named fields",
        "string_type": "expected text (put it in quotes)",
        "tuple_type": "expected a list",
    }
)


def complaint(model: type[BaseModel], error: ErrorDetails) -> str:
    """Say what is wrong at the error's place."""
    place = tuple(str(step) for step in error["loc"])
    kind, name = error["type"], place[-1] if place else ""
    if kind == "extra_forbidden":
        known = _fields_at((model,), error["loc"][:-1])
        return f"unknown field '{name[:NAME_CHARACTERS]}'{nearest(name, known)}"
    if kind == "missing":
        return f"{'.'.join(place[:-1])}: '{name}' is missing"
    return f"{'.'.join(place)}: {_expectation(error)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?``, or nothing when no known name is near."""
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _expectation(error: ErrorDetails) -> str:
    kind = error["type"]
    if kind in EXPECTATIONS:
        return EXPECTATIONS[kind]
    if kind in ("literal_error", "enum"):
        return f"expected {error.get('ctx', {}).get('expected', 'another word')}"
    text = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"expected {text}" if error["msg"].startswith("Input should be ") else text


def _fields_at(kinds: tuple[object, ...], place: tuple[str | int, ...]) -> list[str]:
    """Return the field names of whatever models may stand at a place."""
    models = list(_models(kinds))
    if not place:
        return [name for each in models for name in each.model_fields]
    step, rest = place[0], place[1:]
    inner = [
        each.model_fields[str(step)].annotation for each in models if step in each.model_fields
    ]
    if inner:
        return _fields_at(tuple(inner), rest)
    # An entry of a dict, a list or a tuple: the same kinds, one level further in.
    return _fields_at(kinds, rest)


def _models(kinds: tuple[object, ...]) -> Iterator[type[BaseModel]]:
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind
        else:
            yield from _models(get_args(kind))
