"""The call to the provider: which bytes, which credential, and what the attempt came to.

One attempt, one span. Retries and failover have their place here, between the attempts.
"""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tollkeeper.keys import is_virtual
from tollkeeper_proxy.errors import UpstreamError
from tollkeeper_proxy.exchange import Attempt, Exchange
from tollkeeper_proxy.routing.providers import DEMO, Provider
from tollkeeper_proxy.upstream import Upstream, UpstreamAnswer
from tollkeeper_proxy.wire.openai_chat import ChatRequest


@dataclass(frozen=True, slots=True)
class Forwarder:
    """Sends an exchange's request to its target."""

    providers: Mapping[str, Provider]
    http: Upstream
    demo: Upstream

    def without_key(self, exchange: Exchange, body: bytes) -> bytes:
        """Return an error's body without our key, should the provider have repeated it."""
        target = exchange.target
        return self.providers[target.provider].without_key(body) if target else body

    async def send(self, exchange: Exchange, request: ChatRequest) -> UpstreamAnswer:
        """Return the provider's answer once its head is there.

        Raises ``UpstreamError``, and ``CallerError`` before anything is sent.
        """
        target = exchange.target
        if target is None:
            raise LookupError("the route policy has not run")
        provider = self.providers[target.provider]
        if provider.takes_stream_options:
            request.ask_for_usage()
        credential = exchange.caller.credential
        call = provider.call(
            request.body_for(target.model),
            credential="" if is_virtual(credential) else credential,
        )
        attempt = Attempt(
            target=target,
            span_id=f"{random.getrandbits(64) or 1:016x}",
            started_unix_ns=time.time_ns(),
            host=provider.origin.host,
            port=provider.origin.port,
        )
        exchange.attempts.append(attempt)
        started_s = time.monotonic()
        upstream = self.demo if target.provider == DEMO else self.http
        try:
            answer = await upstream.send(call)
        except UpstreamError as error:
            attempt.error_type = error.fault
            raise
        attempt.status = answer.status
        attempt.first_byte_s = time.monotonic() - started_s
        return answer
