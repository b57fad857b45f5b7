"""What aiohttp lets through and we do not: refused before anything of the request is believed.

Pure: raw header pairs in, a refusal or None out. Sources: RFC 9112 sections 3.2 and 6.1 for Host
and Transfer-Encoding; the cases are those where Python's servers are known to disagree.
"""

import re
from collections.abc import Iterable
from typing import Final

from tollkeeper_proxy.exchange import Refusal

# uri-host [":" port] of RFC 3986, without the userinfo, path or query that attacks hide in it
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


def refuse_framing(
    raw_headers: Iterable[tuple[bytes, bytes]], *, http_1_0: bool = False
) -> Refusal | None:
    """Return why a request's framing is refused, None when it is sound."""
    hosts = framings = 0
    for raw_name, value in raw_headers:
        name = raw_name.lower()
        if name == b"host":
            hosts += 1
            if not _HOST.fullmatch(value.strip()):
                return _bad("The Host header is not a host and port.")
        elif name == b"content-length":
            framings += 1
        elif name == b"transfer-encoding":
            framings += 1
            if http_1_0 or value.strip().lower() != b"chunked":
                return _bad("The only Transfer-Encoding accepted is 'chunked', on HTTP/1.1.")
        elif name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
            return Refusal(
                "framing",
                "Send the body uncompressed.",
                status=415,
                code="unsupported_content_encoding",
            )
    if framings > 1:
        return _bad("A body has one Content-Length or one Transfer-Encoding.")
    if hosts > 1 or (hosts == 0 and not http_1_0):
        return _bad("A request needs exactly one Host header.")
    return None


def _bad(message: str) -> Refusal:
    return Refusal("framing", message, status=400, code="bad_request_framing")
