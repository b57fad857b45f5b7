"""Errors in OpenAI's shape: ``{"error": {"message", "type", "param", "code"}}``."""

import orjson

from tollkeeper_proxy.exchange import Refusal


def error_body(refusal: Refusal) -> bytes:
    """Return the JSON body that says no in OpenAI's words."""
    return orjson.dumps({"error": _error(refusal)})


def error_event(refusal: Refusal) -> bytes:
    """Return the same as one event of a stream that has begun, and may have broken off in one."""
    return b"\n\ndata: " + error_body(refusal) + b"\n\n"


def _error(refusal: Refusal) -> dict[str, str | None]:
    return {
        "message": refusal.message,
        "type": refusal.kind,
        "param": refusal.param,
        "code": refusal.code,
    }
