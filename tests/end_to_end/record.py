"""``python -m tests.end_to_end.record``: record the built-in provider's answers with vcrpy.

One cassette per path of a chat completion. What differs from run to run is left out, so that a
new recording of an unchanged provider is the same file.
"""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import httpx
import vcr
from tests.equipment.own_recordings import FOLDER
from tests.equipment.passage import telling
from tests.equipment.proxy_process import ProxyProcess

TOOLS: Final = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]
SCHEMA: Final = {
    "type": "json_schema",
    "json_schema": {
        "name": "capital",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
IMAGE: Final = [
    {"type": "text", "text": "What is this?"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}},
]
USAGE: Final = {"stream": True, "stream_options": {"include_usage": True}}
PATHS: Final[Mapping[str, dict[str, Any]]] = MappingProxyType(
    {
        "whole": {"model": "echo"},
        "stream": {"model": "echo", "stream": True},
        "stream_with_usage": {"model": "echo", **USAGE},
        "many_choices": {"model": "echo", "n": 2},
        "tools": {"model": "tools", "tools": TOOLS},
        "tools_stream": {"model": "tools", "tools": TOOLS, **USAGE},
        "structured": {"model": "echo", "response_format": SCHEMA},
        "image": {"model": "echo", "messages": [{"role": "user", "content": IMAGE}]},
        "slow_stream": {"model": "slow-0.01", **USAGE},
        "error_400": {"model": "fail-400"},
        "error_429": {"model": "fail-429"},
        "error_500": {"model": "fail-500"},
        "error_429_stream": {"model": "fail-429", "stream": True},
    }
)
QUESTION: Final = [{"role": "user", "content": "Grüße aus 北京 🌍, how are you?"}]


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    settings = {"telemetry": {"otlp": []}}
    with tempfile.TemporaryDirectory() as folder, ProxyProcess(Path(folder), settings) as proxy:
        for name, request in PATHS.items():
            record(name, request, proxy)
    sys.stdout.write(f"recorded {len(PATHS)} paths in {FOLDER.name}/\n")
    return 0


def record(name: str, request: dict[str, Any], proxy: ProxyProcess) -> None:
    """Record one path anew."""
    file = FOLDER / f"{name}.yaml"
    file.unlink(missing_ok=True)
    recorder = vcr.VCR(before_record_request=_plain_request, before_record_response=_plain_response)
    body = {"messages": QUESTION, **request, "model": f"demo/{request['model']}"}
    with recorder.use_cassette(str(file)):
        url = f"http://127.0.0.1:{proxy.port}/v1/chat/completions"
        httpx.post(url, json=body, headers={"Authorization": f"Bearer {proxy.key}"})


def _plain_request(request: Any) -> Any:
    """Leave out who asked, and ask for the model as its provider knows it."""
    request.uri = "http://demo.invalid/v1/chat/completions"
    request.headers = {"content-type": "application/json"}
    request.body = request.body.replace(b'"demo/', b'"', 1)
    return request


def _plain_response(response: dict[str, Any]) -> dict[str, Any]:
    pairs = [(name, value) for name, values in response["headers"].items() for value in values]
    response["headers"] = {name: [value] for name, value in telling(tuple(pairs))}
    return response


if __name__ == "__main__":
    sys.exit(main())
