"""Cassette files in, interactions out: vcrpy, vcrpy with parsed bodies, go-vcr, bare answers.

What is not an HTTP exchange (gRPC samples, WebSocket frames) is refused with the reason.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml
from tests.equipment.interaction import Headers, Interaction

# The C loader reads the whole collection in 2 s; the Python one takes minutes.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UnreadableRecording(ValueError):
    """This recording is not an HTTP exchange we can replay; the message says why."""


def parse_file(name: str, content: bytes) -> list[Any]:
    """Return the raw interactions of a cassette, one per recorded exchange."""
    if name.endswith(".json"):
        return [{"request": {}, "response": json.loads(content)}]
    document = yaml.load(content, Loader=_Loader)
    if not isinstance(document, dict) or "interactions" not in document:
        raise UnreadableRecording("no interactions in the file")
    return list(document["interactions"])


def interaction_of(row: Mapping[str, str], recorded: Any) -> Interaction:
    """Join a row of the manifest with its recorded exchange."""
    request, response = recorded.get("request"), recorded.get("response")
    if not isinstance(request, dict) or not isinstance(response, dict):
        raise UnreadableRecording(f"not an HTTP exchange: {row['kind'] or sorted(recorded)}")
    return Interaction(
        file=row["file"],
        index=int(row["i"] or 0),
        provider=row["provider"] or row["file"].split("/")[0],
        host=row["host"],
        method=(row["method"] or "POST").upper(),
        path=row["path"] or urlsplit(str(request.get("uri", ""))).path,
        endpoint=row["endpoint"],
        model=row["model"],
        is_stream=_is_stream(row, response),
        request_headers=_headers(request.get("headers")),
        request_body=_request_body(request),
        status=_status(response),
        response_headers=_headers(response.get("headers")),
        response_body=_response_body(response),
    )


def _is_stream(row: Mapping[str, str], response: Mapping[str, Any]) -> bool:
    if row["stream"]:
        return row["stream"] == "True"
    return any("event-stream" in value for _, value in _headers(response.get("headers")))


def _status(response: Mapping[str, Any]) -> int:
    status = response.get("status")
    if isinstance(status, dict):  # vcrpy: {code, message}
        return int(status["code"])
    return int(response.get("code") or status or 0)  # go-vcr has code beside "200 OK"


def _headers(recorded: Any) -> Headers:
    return tuple(
        (str(name), str(value))
        for name, values in (recorded or {}).items()
        for value in (values if isinstance(values, list) else [values])
    )


def _request_body(request: Mapping[str, Any]) -> bytes:
    if "parsed_body" in request:
        return _as_json(request["parsed_body"])
    return _as_bytes(request.get("body"))


def _response_body(response: Mapping[str, Any]) -> bytes:
    if "parsed_body" in response:
        return _as_json(response["parsed_body"])
    body = response.get("body")
    return _as_bytes(body.get("string") if isinstance(body, dict) and "string" in body else body)


def _as_json(parsed: Any) -> bytes:
    """Encode a body that was recorded parsed: compact, non-ASCII as itself, like providers do."""
    if parsed is None:
        return b""
    # Some recorded texts hold lone surrogates, which have no UTF-8 form of their own.
    text = json.dumps(parsed, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(parsed, separators=(",", ":")).encode()


def _as_bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode("utf-8", "surrogateescape")
    return _as_json(body)
