"""Messages of OpenAI's dialect in the form GenAI telemetry keeps them.

Shape: ``{"role", "parts": [{"type", …}]}`` of the OpenTelemetry GenAI conventions v1.41.1. Images,
audio and files are named, not copied: the store of telemetry is no store of media.
"""

from collections.abc import Callable, Iterable, Mapping

Part = dict[str, object]


def input_messages(document: Mapping[str, object], clean: Callable[[str], str]) -> list[Part]:
    """Return a request's messages; every text passes through ``clean``."""
    raw = document.get("messages")
    return [
        _message(message, clean)
        for message in (raw if isinstance(raw, list) else ())
        if isinstance(message, dict)
    ]


def output_messages(messages: Iterable[Part], clean: Callable[[str], str]) -> list[Part]:
    """Return an answer's messages, already in this form, with every text cleaned."""
    return [
        {**message, "parts": [_cleaned(p, clean) for p in _list(message.get("parts"))]}
        for message in messages
    ]


def tool_definitions(document: Mapping[str, object]) -> list[Part]:
    """Return the names of the tools offered; their schemas are large and stay with the caller."""
    found: list[Part] = []
    for tool in _list(document.get("tools")):
        function = tool.get("function")
        name = function.get("name") if isinstance(function, dict) else tool.get("name")
        found.append({"type": str(tool.get("type", "function")), "name": str(name or "")})
    return found


def _message(raw: Mapping[str, object], clean: Callable[[str], str]) -> Part:
    role = str(raw.get("role", ""))
    if role == "tool":
        text = "".join(_content_texts(raw.get("content")))
        call_id = str(raw.get("tool_call_id", ""))
        return {
            "role": role,
            "parts": [{"type": "tool_call_response", "id": call_id, "response": clean(text)}],
        }
    parts = list(_content_parts(raw.get("content"), clean))
    for call in _list(raw.get("tool_calls")):
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        arguments = clean(str(function.get("arguments", "")))
        parts.append(
            {
                "type": "tool_call",
                "id": str(call.get("id", "")),
                "name": str(function.get("name", "")),
                "arguments": arguments,
            }
        )
    return {"role": role, "parts": parts}


def _content_parts(content: object, clean: Callable[[str], str]) -> Iterable[Part]:
    if isinstance(content, str):
        yield {"type": "text", "content": clean(content)}
    for part in _list(content):
        kind = str(part.get("type", ""))
        text = part.get("text", part.get("refusal"))
        if isinstance(text, str):
            yield {"type": "text", "content": clean(text)}
        elif kind == "image_url":
            yield {
                "type": "uri",
                "modality": "image",
                "uri": _image_name(part.get("image_url"), clean),
            }
        else:
            yield {"type": kind or "unknown"}


def _image_name(image: object, clean: Callable[[str], str]) -> str:
    url = image.get("url") if isinstance(image, dict) else image
    url = url if isinstance(url, str) else ""
    return url.partition(",")[0] if url.startswith("data:") else clean(url)


def _content_texts(content: object) -> Iterable[str]:
    if isinstance(content, str):
        yield content
    for part in _list(content):
        if isinstance(text := part.get("text"), str):
            yield text


def _cleaned(part: Part, clean: Callable[[str], str]) -> Part:
    return {
        k: clean(v) if k in {"content", "arguments", "response"} and isinstance(v, str) else v
        for k, v in part.items()
    }


def _list(value: object) -> list[Part]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
