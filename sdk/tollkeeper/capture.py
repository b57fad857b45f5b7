"""Any value in, a bounded piece of text out: what a span may show of arguments and results.

Looks only into plain containers, dataclasses and pydantic models; of every other object it shows
the class name, so that no foreign ``__repr__`` runs. Knows nothing of spans.
"""

import dataclasses
import json
import logging
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final, TypeVar

MAX_CHARACTERS: Final = 16_384  # four bytes each at most: the collector cuts values over 64 KiB
MAX_ITEMS: Final = 1_000  # visited in all, so that a huge structure costs little time
MAX_DEPTH: Final = 8
CUT: Final = "…"
HIDDEN: Final = "[hidden]"
SECRET_NAMES: Final = frozenset(
    {"api_key", "apikey", "authorization", "password", "secret", "token", "access_token"}
)
# Keys as providers and we write them: error messages of clients like to repeat them.
_KEY: Final = re.compile(r"\b(sk|tk|pk|gsk|xai|AIza)[-_]?[A-Za-z0-9_-]{16,}")

_log = logging.getLogger(__name__)
_Item = TypeVar("_Item")


def text(value: str, limit: int = MAX_CHARACTERS) -> str:
    """Return ``value`` shortened to ``limit`` characters and free of lone surrogates.

    A lone surrogate cannot be sent as UTF-8: one of them would cost the whole batch.
    """
    short = value if len(value) <= limit else value[: limit - len(CUT)] + CUT
    return short if short.isascii() else short.encode("utf-8", "replace").decode("utf-8")


def rendered(value: object, limit: int = MAX_CHARACTERS) -> str:
    """Return a string as it is and anything else as JSON, cut at ``limit``; keys are taken out.

    Never raises.
    """
    try:
        if isinstance(value, str):
            return _KEY.sub(HIDDEN, text(value, limit))
        plain = _Walk(limit).plain(value, MAX_DEPTH)
        return _KEY.sub(HIDDEN, text(json.dumps(plain, ensure_ascii=False), limit))
    except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
        _log.debug("a value could not be shown: %s", type(error).__name__)
        return f"<unreadable {_class_name(value)}>"


def _class_name(value: object) -> str:
    return f"<{type(value).__qualname__}>"


@dataclasses.dataclass(slots=True)
class _Walk:
    """One walk through one value, with what is left of its budget."""

    characters: int
    items: int = MAX_ITEMS

    def plain(self, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return self._string(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return f"<{len(value)} bytes>"
        return self._container(value, depth)

    def _string(self, value: str) -> str:
        short = text(value, max(self.characters, 1))
        self.characters -= len(short)
        return short

    def _container(self, value: object, depth: int) -> object:
        if depth == 0:
            return CUT
        if isinstance(value, Mapping):
            return self._pairs(value.items(), depth)
        if isinstance(value, list | tuple | set | frozenset):
            return [self.plain(item, depth - 1) for item in self._affordable(value)]
        names = _field_names(value)
        if names is None:
            return _class_name(value)
        return self._pairs(((name, getattr(value, name, None)) for name in names), depth)

    def _pairs(self, pairs: Iterable[tuple[object, object]], depth: int) -> dict[str, object]:
        shown: dict[str, object] = {}
        for key, item in self._affordable(pairs):
            name = self._string(key if isinstance(key, str) else _class_name(key))
            shown[name] = HIDDEN if name.lower() in SECRET_NAMES else self.plain(item, depth - 1)
        return shown

    def _affordable(self, items: Iterable[_Item]) -> Iterable[_Item]:
        for item in islice(items, MAX_ITEMS):
            self.items -= 1
            if self.items < 0 or self.characters <= 0:
                return
            yield item


def _field_names(value: object) -> Iterable[str] | None:
    """Name the fields of a dataclass or a pydantic model; None for every other object."""
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    fields = getattr(type(value), "model_fields", None)
    return list(fields) if isinstance(fields, Mapping) else None
