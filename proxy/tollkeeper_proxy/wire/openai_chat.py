"""A chat completion request in OpenAI's dialect: typed view, text surfaces, bytes to send.

Source: OpenAI API reference, ``POST /v1/chat/completions``. Fields we do not interpret pass
through untouched; what we interpret must have the right type, or the caller hears which field.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, cast

import orjson

from tollkeeper_proxy.errors import CallerError
from tollkeeper_proxy.exchange import Refusal
from tollkeeper_proxy.wire import Surface

MAX_DEPTH: Final = 100  # a tool's schema is some ten levels deep; our own walk has its limits too

# Strings that carry no free text: names of things, enumerations, encoded media.
_NOT_TEXT: Final = frozenset(
    {"model", "role", "type", "id", "tool_call_id", "detail", "service_tier", "reasoning_effort"}
)
_MEDIA: Final = frozenset({"data", "file_data"})  # base64 of input_audio and file parts
_NOT_DECISIVE: Final = ("user", "stream_options", "metadata", "store", "safety_identifier")
_WATCHED: Final = (b'"model"', b'"stream"', b'"stream_options"', b'"n"', b'"max_tokens"')
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "stream": (bool, type(None)),
    "n": (int, type(None)),
    "max_tokens": (int, type(None)),
    "max_completion_tokens": (int, type(None)),
    "stream_options": (dict, type(None)),
    "tools": (list, type(None)),
}


class ChatRequest:
    """One parsed chat completion request; implements ``WireRequest``."""

    def __init__(self, body: bytes, document: dict[str, object]) -> None:
        self._body = body
        self._document = document
        self._edited = _ambiguous(body)
        self.model = cast("str", document["model"])
        self.stream = document.get("stream") is True
        self.hides_usage = False
        self.limit_field = "max_tokens"  # what OpenAI now calls max_completion_tokens, others not

    @property
    def document(self) -> Mapping[str, object]:
        """The request as JSON, after edits; for the telemetry of this dialect only."""
        return self._document

    def surfaces(self) -> Sequence[Surface]:
        return [Surface(path, text) for path, text in _texts(self._document, "")]

    def replace(self, edits: Mapping[str, str]) -> None:
        for path, text in edits.items():
            *parents, last = path.split(".")
            node: object = self._document
            for step in parents:
                node = (
                    node[int(step)]
                    if isinstance(node, list)
                    else cast("dict[str, object]", node)[_key(step)]
                )
            if isinstance(node, list):
                node[int(last)] = text
            else:
                cast("dict[str, object]", node)[_key(last)] = text
            self._edited = True

    def cap_output_tokens(self, limit: int) -> None:
        per_choice = max(1, limit // self._choices())
        names = [
            n for n in ("max_completion_tokens", "max_tokens") if self._document.get(n) is not None
        ]
        for name in names or [self.limit_field]:
            now = self._document.get(name)
            if not isinstance(now, int) or now > per_choice:
                self._document[name] = per_choice
                self._edited = True

    def output_token_limit(self) -> int | None:
        for name in ("max_completion_tokens", "max_tokens"):
            limit = self._document.get(name)
            if isinstance(limit, int):
                return limit * self._choices()
        return None

    def input_size_bytes(self) -> int:
        return len(self._body)

    def fingerprint(self) -> bytes:
        decisive = {
            k: v for k, v in self._document.items() if k not in _NOT_DECISIVE and k != "model"
        }
        wants_usage = self.stream and not self.hides_usage and self._asks_usage()
        decisive["\0usage"] = wants_usage
        return _encoded(decisive, option=orjson.OPT_SORT_KEYS)

    def ask_for_usage(self) -> None:
        """Ask the provider for a usage chunk on a stream; remember to hide it if we asked alone."""
        if not self.stream or self._asks_usage():
            return
        self.hides_usage = True

    def body_for(self, model: str) -> bytes:
        if not self._edited and not self.hides_usage and model == self.model:
            return self._body
        if not self._edited:
            return self._spliced(model)
        document = {**self._document, "model": model}
        if self.hides_usage:
            document["stream_options"] = {**self._stream_options(), "include_usage": True}
        return _encoded(document)

    def _spliced(self, model: str) -> bytes:
        """Change only the bytes that must change, so that numbers stay as the caller wrote them."""
        body = self._body
        if model != self.model:
            old = orjson.dumps(self.model)
            before, name, after = body.partition(b'"model"')
            gap, found, rest = after.partition(old)
            if not found or gap.strip() != b":":
                return self._rewritten(model)
            body = before + name + gap + orjson.dumps(model) + rest
        if self.hides_usage:
            if "stream_options" in self._document:
                return self._rewritten(model)
            brace = body.index(b"{") + 1
            body = body[:brace] + b'"stream_options":{"include_usage":true},' + body[brace:]
        return body

    def _rewritten(self, model: str) -> bytes:
        self._edited = True
        return self.body_for(model)

    def _stream_options(self) -> dict[str, object]:
        options = self._document.get("stream_options")
        return cast("dict[str, object]", options) if isinstance(options, dict) else {}

    def _asks_usage(self) -> bool:
        return self._stream_options().get("include_usage") is True

    def _choices(self) -> int:
        n = self._document.get("n")
        return n if isinstance(n, int) and n > 0 else 1


def parse_chat(body: bytes) -> ChatRequest:
    """Return the request in ``body``; raises ``CallerError`` with what is wrong and where."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _bad(f"The body is not valid JSON: {error}", code="invalid_json") from error
    if not isinstance(document, dict):
        raise _bad("The body must be a JSON object.", code="invalid_json")
    _check(document)
    return ChatRequest(body, document)


def _check(document: dict[str, object]) -> None:
    model = document.get("model")
    if not isinstance(model, str) or not model:
        raise _bad("'model' must be a non-empty string.", param="model")
    messages = document.get("messages")
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise _bad("'messages' must be an array of objects.", param="messages")
    for name, allowed in _TYPES.items():
        value = document.get(name)
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            wanted = " or ".join("null" if t is type(None) else _JSON_NAMES[t] for t in allowed)
            raise _bad(f"'{name}' must be {wanted}.", param=name)
    for name in ("n", "max_tokens", "max_completion_tokens"):
        value = document.get(name)
        if isinstance(value, int) and not 1 <= value <= 10_000_000:
            raise _bad(f"'{name}' must be between 1 and 10000000.", param=name)


_JSON_NAMES: Final[dict[type, str]] = {
    bool: "a boolean",
    int: "an integer",
    dict: "an object",
    list: "an array",
}


def _bad(message: str, *, param: str | None = None, code: str = "invalid_value") -> CallerError:
    return CallerError(Refusal("parse", message, status=400, code=code, param=param))


def _encoded(document: Mapping[str, object], option: int = 0) -> bytes:
    """Return JSON; what cannot be written again was nested too deep to begin with."""
    try:
        return orjson.dumps(document, option=option)
    except orjson.JSONEncodeError as error:
        raise _bad(f"The body cannot be sent on: {error}", code="invalid_json") from error


def _ambiguous(body: bytes) -> bool:
    """Tell whether two parsers could read different requests from these bytes.

    A key we act on that stands twice, or may hide behind an escape, is sent as we understood it.
    """
    return b"\\u00" in body or any(body.count(name) > 1 for name in _WATCHED)


def _texts(node: object, path: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH:
        raise _bad(f"The body is nested deeper than {MAX_DEPTH} levels.", code="invalid_json")
    for step, value in _children(node):
        here = f"{path}.{step}" if path else step
        if isinstance(value, str):
            yield here, value
        elif isinstance(value, (dict, list)):
            yield from _texts(value, here, depth + 1)


def _children(node: object) -> Iterable[tuple[str, object]]:
    if isinstance(node, list):
        return ((str(index), value) for index, value in enumerate(node))
    pairs = node.items() if isinstance(node, dict) else ()
    return (
        (_step(key), value)
        for key, value in pairs
        if not (isinstance(value, str) and (key in _NOT_TEXT or _is_media(key, value)))
    )


def _is_media(key: str, value: str) -> bool:
    return key in _MEDIA or (key == "url" and value.startswith("data:"))


def _step(key: str) -> str:
    return key.replace("~", "~0").replace(".", "~1")  # as JSON Pointer escapes, our separator


def _key(step: str) -> str:
    return step.replace("~1", ".").replace("~0", "~")
