"""A chat completion request in OpenAI's dialect: typed view, text surfaces, bytes to send.

Source: OpenAI API reference, ``POST /v1/chat/completions``. Fields we do not interpret pass
through untouched; what we interpret must have the right type, or the caller hears which field.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, cast

import orjson

from tollkeeper_proxy.errors import CallerError
from tollkeeper_proxy.exchange import Refusal
from tollkeeper_proxy.wire import Surface
from tollkeeper_proxy.wire.json_doubts import doubts_of
from tollkeeper_proxy.wire.json_texts import put, texts
from tollkeeper_proxy.wire.openai_media import media_token_bound

MAX_DEPTH: Final = 100  # a tool's schema is some ten levels deep; orjson writes no more than 254
MAX_FALLBACKS: Final = 16  # OpenRouter's ``models``; each is looked up in the price table

_NOT_DECISIVE: Final = ("user", "stream_options", "metadata", "store", "safety_identifier")
# The key as we may find it by its bytes, and the escapes that could hide it from us elsewhere.
_MODEL_KEY: Final = re.compile(rb'"model"[ \t\r\n]*:[ \t\r\n]*')
_HIDDEN_LETTER: Final = re.compile(rb"\\u00[4-7]")
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

    def __init__(self, body: bytes, document: dict[str, object], *, is_clear: bool) -> None:
        """``is_clear``: no parser can read another request from ``body``."""
        self._body = body
        self._document = document
        self._edited = not is_clear
        self._added_bytes = 0
        self.model = cast("str", document["model"])
        self.stream = document.get("stream") is True
        self.hides_usage = False
        tier = document.get("service_tier")
        self.service_tier = tier if isinstance(tier, str) else ""
        self.limit_field = "max_tokens"  # what OpenAI now calls max_completion_tokens, others not

    @property
    def document(self) -> Mapping[str, object]:
        """The request as JSON, after edits; for the telemetry of this dialect only."""
        return self._document

    @property
    def fallback_models(self) -> tuple[str, ...]:
        models = self._document.get("models")
        return tuple(models) if isinstance(models, list) else ()

    def surfaces(self) -> Sequence[Surface]:
        return [Surface(path, text) for path, text in texts(self._document)]

    def replace(self, edits: Mapping[str, str]) -> None:
        for path, text in edits.items():
            put(self._document, path, text)
            self._added_bytes += len(text.encode())
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
        named = (self._document.get(name) for name in ("max_completion_tokens", "max_tokens"))
        limits = [limit for limit in named if isinstance(limit, int)]
        return max(limits) * self._choices() if limits else None

    def input_token_bound(self) -> int | None:
        media = media_token_bound(self._document.get("messages"))
        return None if media is None else len(self._body) + self._added_bytes + media

    def fingerprint(self) -> bytes:
        decisive = {
            k: v for k, v in self._document.items() if k not in _NOT_DECISIVE and k != "model"
        }
        wants_usage = self.stream and not self.hides_usage and self._asks_usage()
        decisive["\0usage"] = wants_usage
        return orjson.dumps(decisive, option=orjson.OPT_SORT_KEYS)

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
        return orjson.dumps(document)

    def _spliced(self, model: str) -> bytes:
        """Change only the bytes that must change, so that numbers stay as the caller wrote them."""
        body = self._body
        if model != self.model:
            keys = list(_MODEL_KEY.finditer(body))
            old = orjson.dumps(self.model)
            if (
                len(keys) != 1
                or _HIDDEN_LETTER.search(body)
                or not body.startswith(old, keys[0].end())
            ):
                return self._rewritten(model)
            value = keys[0].end()
            body = body[:value] + orjson.dumps(model) + body[value + len(old) :]
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
    """Return the request in ``body``; raises ``CallerError`` with what is wrong and where.

    What two parsers could read as two requests is sent on as we understood it, or refused.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _bad(f"The body is not valid JSON: {error}", code="invalid_json") from error
    if not isinstance(document, dict):
        raise _bad("The body must be a JSON object.", code="invalid_json")
    doubts = doubts_of(body, document, max_depth=MAX_DEPTH)
    if doubts.too_deep:
        raise _bad(f"The body is nested deeper than {MAX_DEPTH} levels.", code="invalid_json")
    if doubts.has_huge_integer:
        raise _bad("The body has an integer of more than 64 bits.", code="invalid_json")
    _check(document)
    return ChatRequest(body, document, is_clear=not doubts.repeats_a_key)


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
    models = document.get("models")
    if models is not None and not _is_fallbacks(models):
        raise _bad(f"'models' must be an array of at most {MAX_FALLBACKS} names.", param="models")
    for name in ("n", "max_tokens", "max_completion_tokens"):
        value = document.get(name)
        if isinstance(value, int) and not 1 <= value <= 10_000_000:
            raise _bad(f"'{name}' must be between 1 and 10000000.", param=name)


def _is_fallbacks(models: object) -> bool:
    return (
        isinstance(models, list)
        and len(models) <= MAX_FALLBACKS
        and all(isinstance(name, str) for name in models)
    )


_JSON_NAMES: Final[dict[type, str]] = {
    bool: "a boolean",
    int: "an integer",
    dict: "an object",
    list: "an array",
}


def _bad(message: str, *, param: str | None = None, code: str = "invalid_value") -> CallerError:
    return CallerError(Refusal("parse", message, status=400, code=code, param=param))
