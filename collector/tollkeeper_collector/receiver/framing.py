"""What aiohttp lets through and we do not: refused before anything of a request is believed.

Raw header pairs in, a reason or "" out. After RFC 9112 sections 3.2 and 6.1.
"""

import re
from collections.abc import Iterable
from typing import Final

# uri-host [":" port] of RFC 3986: no userinfo, path or query, where attacks hide
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


def framing_fault(raw_headers: Iterable[tuple[bytes, bytes]], *, http_1_0: bool) -> str:
    """Return why a request's framing is refused, "" when it is sound."""
    hosts = 0
    for raw_name, raw_value in raw_headers:
        name, value = raw_name.lower(), raw_value.strip()
        if name == b"host":
            hosts += 1
            if not _HOST.fullmatch(value):
                return "the Host header is not a host and a port"
        elif name == b"transfer-encoding" and (http_1_0 or value.lower() != b"chunked"):
            return "the only Transfer-Encoding is 'chunked', on HTTP/1.1"
    if hosts > 1 or (hosts == 0 and not http_1_0):
        return "a request needs exactly one Host header"
    return ""
