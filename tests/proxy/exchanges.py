"""Exchanges for tests of the proxy's parts: a chat request, parsed as the server parses it."""

import json
from typing import Any

from tollkeeper.keys import Identity
from tollkeeper.pricing import price_of
from tollkeeper_proxy.exchange import Attempt, Caller, Exchange, Target, Trace
from tollkeeper_proxy.wire.openai_chat import ChatRequest, parse_chat


def chat(text: str = "hello", **fields: Any) -> ChatRequest:
    """Return a chat request with one user message."""
    document = {"model": "demo/echo", "messages": [{"role": "user", "content": text}], **fields}
    return parse_chat(json.dumps(document, ensure_ascii=False).encode())


def exchange(
    request: ChatRequest | None = None,
    *,
    identity: Identity | None = None,
    target: Target | None = None,
    caller: Caller | None = None,
) -> Exchange:
    """Return an exchange that has been identified and routed to the priced demo model."""
    target = target or Target("demo", "echo")
    return Exchange(
        request_id="req-1",
        route="/v1/chat/completions",
        trace=Trace("0" * 32, "1" * 16),
        caller=caller or Caller(),
        started_unix_ns=0,
        started_s=0.0,
        request=request or chat(),
        identity=identity or Identity("k1", "key one", "t1"),
        target=target,
        price=price_of(target.provider, target.model),
    )


def dispatched(opened: Exchange) -> Exchange:
    """Note that the exchange was sent to its target."""
    assert opened.target is not None
    opened.attempts.append(Attempt(opened.target, "2" * 16, 0))
    return opened
