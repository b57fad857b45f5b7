"""Calls to a fake provider, and waiting for what happens at its end."""

import asyncio
import json
from collections.abc import Callable

from tests.equipment.script import Script
from tests.equipment.scripted_provider import ScriptedProvider

from tollkeeper_proxy.upstream import Origin, Timeouts, UpstreamCall

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: "
PATIENCE_S = 20.0


def origin_of(port: int) -> Origin:
    return Origin("http", "127.0.0.1", port)


def call_to(
    port: int,
    model: str = "m",
    *,
    timeouts: Timeouts | None = None,
    max_connections: int = 512,
    padding: int = 0,
) -> UpstreamCall:
    """Return a call for a model; ``padding`` makes its body so many bytes larger."""
    body = json.dumps({"model": model, "messages": [], "padding": "x" * padding}).encode()
    timeouts = timeouts or Timeouts(5.0, 10.0, 10.0, 30.0)
    return UpstreamCall(origin_of(port), HEAD, body, timeouts, max_connections)


def scripted(provider: ScriptedProvider, script: Script, model: str = "m") -> UpstreamCall:
    """Return a call that the provider answers by this script."""
    provider.play(model, script)
    return call_to(provider.port, model)


async def until(happened: Callable[[], bool]) -> None:
    """Wait until something is so; fail loudly when it never is."""
    async with asyncio.timeout(PATIENCE_S):
        while not happened():  # noqa: ASYNC110 - the other end lives in a thread
            await asyncio.sleep(0.005)
