"""Attribute values as text, the way the stock ClickHouse exporter writes them.

Strings as they are, bools ``true``/``false``, doubles in their shortest form, bytes as base64,
lists and maps as JSON, nothing as "". Knows both encodings of AnyValue.
"""

import base64
import binascii
import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final, TypeAlias

import orjson

from tollkeeper_collector.errors import MalformedRequest

MAX_DEPTH: Final = 32  # of lists in lists; deeper ones only hurt whoever serialises them again
_LARGEST_EXACT: Final = 2.0**53  # whole doubles below it print without a point, as in ECMAScript

Plain = str | int | float | bool | list[Any] | dict[str, Any] | None
Json: TypeAlias = Any  # parsed, its shape not yet checked
Proto: TypeAlias = Any  # an upb message; its fields carry no types


def number_text(value: float) -> str:
    """Return a double in its shortest form: positional from 1e-6 to 1e21, else with an exponent."""
    if not math.isfinite(value):
        return f"json: unsupported value: {value:+}".replace("inf", "Inf").replace("+nan", "NaN")
    text = repr(value)
    if text.endswith(".0"):
        return text[:-2]
    if "e" not in text:
        return text
    if 1e-6 <= abs(value) < 1e21:
        return format(Decimal(text), "f")
    return text.replace("e-0", "e-")


def text_of(value: Plain) -> str:
    """Return a decoded value as text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, int):
        return str(value)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def pairs_text(pairs: Iterable[Proto]) -> dict[str, str]:
    """Return the protobuf KeyValues of a record as text."""
    return {pair.key: (v := pair.value).string_value or any_text(v) for pair in pairs}


def any_text(value: Proto) -> str:
    """Return a protobuf AnyValue as text; the frequent kinds first, a field read costs 0.1 us."""
    if number := value.int_value:
        return str(number)
    if number := value.double_value:
        return number_text(number)
    return text_of(plain(value, 0))


def plain(value: Proto, depth: int) -> Plain:
    """Return a protobuf AnyValue as a plain value; raise MalformedRequest if too deep."""
    kind = value.WhichOneof("value")
    if kind is None or kind == "string_value_strindex":
        return None
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind == "double_value":
        return _double(value.double_value, depth)
    if kind not in ("array_value", "kvlist_value"):
        scalar: Plain = getattr(value, kind)
        return scalar
    _check_depth(depth)
    if kind == "array_value":
        return [v.string_value or plain(v, depth + 1) for v in value.array_value.values]
    return {pair.key: plain(pair.value, depth + 1) for pair in value.kvlist_value.values}


def json_pairs_text(pairs: Json) -> dict[str, str]:
    """Return the JSON KeyValues of a record as text; raise MalformedRequest."""
    texts: dict[str, str] = {}
    for pair in pairs:
        key, value = pair.get("key", ""), pair.get("value")
        if type(key) is not str:
            raise MalformedRequest("an attribute key must be a string")
        text = value.get("stringValue") if value else ""
        texts[key] = text if type(text) is str else json_any_text(value)
    return texts


def json_any_text(value: Json) -> str:
    """Return a JSON AnyValue as text; whole numbers first, the most frequent after strings."""
    if value and (number := value.get("intValue")) is not None:
        return str(whole(number))
    return text_of(json_plain(value, 0))


def json_plain(value: Json, depth: int) -> Plain:
    """Return a JSON AnyValue as a plain value; raise MalformedRequest."""
    if not value:
        return None
    for name, read in _JSON_KINDS.items():
        if (found := value.get(name)) is not None:
            return read(found, depth)
    return None


def whole(value: Json) -> int:
    """Return a 64-bit integer of proto3 JSON: a decimal string or a number."""
    if type(value) is int:
        return value
    try:
        if type(value) is str:
            return int(value)
        if type(value) is float and value.is_integer():
            return int(value)
    except ValueError:
        raise MalformedRequest(f"not an integer: {value[:40]!r}") from None
    raise MalformedRequest("not an integer")


def _double(value: float, depth: int) -> Plain:
    if depth and value.is_integer() and abs(value) < _LARGEST_EXACT:
        return int(value)
    return value


def _check_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise MalformedRequest(f"an attribute nests deeper than {MAX_DEPTH} levels")


def _json_string(value: Json, _: int) -> Plain:
    if type(value) is not str:
        raise MalformedRequest("stringValue must be a string")
    return value


def _json_bool(value: Json, _: int) -> Plain:
    if type(value) is not bool:
        raise MalformedRequest("boolValue must be a boolean")
    return value


def _json_int(value: Json, _: int) -> Plain:
    return whole(value)


def _json_double(value: Json, depth: int) -> Plain:
    try:
        return _double(float(value), depth)
    except (TypeError, ValueError):
        raise MalformedRequest("doubleValue must be a number") from None


def _json_bytes(value: Json, _: int) -> Plain:
    try:
        return base64.b64encode(base64.b64decode(value, validate=True)).decode()
    except (TypeError, ValueError, binascii.Error):
        raise MalformedRequest("bytesValue must be base64") from None


def _json_array(value: Json, depth: int) -> Plain:
    _check_depth(depth)
    return [json_plain(item, depth + 1) for item in value.get("values") or ()]


def _json_kvlist(value: Json, depth: int) -> Plain:
    _check_depth(depth)
    return {
        str(pair.get("key", "")): json_plain(pair.get("value"), depth + 1)
        for pair in value.get("values") or ()
    }


_JSON_KINDS: Final[dict[str, Callable[[Json, int], Plain]]] = {
    "stringValue": _json_string,
    "intValue": _json_int,
    "doubleValue": _json_double,
    "boolValue": _json_bool,
    "arrayValue": _json_array,
    "kvlistValue": _json_kvlist,
    "bytesValue": _json_bytes,
}
