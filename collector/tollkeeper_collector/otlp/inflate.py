"""Bounded decompression of a request body: coded bytes in, at most a limit of bytes out.

One coding, one gzip member, one zstd frame: many empty members cost time while no output limit
ever binds. Reading stops at the limit, so a bomb costs the limit and no more.
"""

import sys
import zlib
from collections.abc import Callable
from typing import Final, Protocol

from tollkeeper_collector.errors import BodyTooLarge, MalformedRequest, UnsupportedMedia

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdDecompressor, ZstdError
else:
    from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

_WINDOW_LOG: Final = 26  # 64 MiB: no body may be bigger, so no window needs to be


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def inflate(body: bytes, coding: str, limit: int) -> bytes:
    """Return the decoded body.

    Raises:
        UnsupportedMedia: a coding we do not speak, or more than one.
        BodyTooLarge: more than ``limit`` bytes come out.
        MalformedRequest: not in that coding, cut short, or with bytes behind its end.
    """
    name = coding.strip().lower()
    if name in ("", "identity"):
        return body
    if name == "deflate":
        return _deflate(body, limit)
    if (make := _DECODERS.get(name)) is None:
        raise UnsupportedMedia("Content-Encoding must be one of gzip, deflate, zstd, identity")
    return _drain(make(), body, name, limit)


def _drain(decoder: _Decoder, body: bytes, name: str, limit: int) -> bytes:
    try:
        decoded = decoder.decompress(body, limit + 1)
    except (zlib.error, ZstdError) as error:
        raise MalformedRequest(f"the body is not {name}: {error}") from None
    if len(decoded) > limit:
        raise BodyTooLarge(f"the decoded body is over {limit} bytes")
    if not decoder.eof:
        raise MalformedRequest(f"the {name} body is cut short")
    if decoder.unused_data:
        raise MalformedRequest(f"the {name} body has bytes behind its end")
    return decoded


def _deflate(body: bytes, limit: int) -> bytes:
    """Decode ``deflate``: zlib's format by RFC 9110, or without its header as some send it."""
    try:
        return _drain(zlib.decompressobj(), body, "deflate", limit)
    except MalformedRequest:
        return _drain(zlib.decompressobj(-zlib.MAX_WBITS), body, "deflate", limit)


def _gzip() -> _Decoder:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)


def _zstd() -> _Decoder:
    return ZstdDecompressor(options={DecompressionParameter.window_log_max: _WINDOW_LOG})


_DECODERS: Final[dict[str, Callable[[], _Decoder]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "zstd": _zstd,
}
