"""Upstream over HTTP/1.1: a call goes out on a pooled connection, its answer comes back in pieces.

Redirects are never followed: a provider's key goes to the configured origin and nowhere else.
Compressed answers are decoded here, within bounds, so that everything behind sees plain bytes.
"""

from tollkeeper_proxy.errors import UpstreamError
from tollkeeper_proxy.upstream import UpstreamAnswer, UpstreamCall
from tollkeeper_proxy.upstream.decoding import DecodedAnswer, coding_of
from tollkeeper_proxy.upstream.pool import ConnectionPool


class HttpUpstream:
    """Implements ``Upstream``."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    async def send(self, call: UpstreamCall) -> UpstreamAnswer:
        connection = await self._pool.begin(call)
        try:
            await connection.head()
            if 300 <= connection.status < 400:
                raise UpstreamError(
                    "redirect_refused",
                    "the provider answered with a redirect, which is not followed",
                )
            coding = coding_of(connection.headers)
        except BaseException:
            connection.close()
            raise
        return DecodedAnswer(connection, coding) if coding else connection
