"""Compressed answers, decoded piece by piece: we ask for identity, but not every server listens.

One coding only, and the plain size is bounded by what the reader takes: a bomb stops where the
reader's limit is.
"""

import zlib
from typing import Final, Literal

from tollkeeper_proxy.errors import UpstreamError
from tollkeeper_proxy.upstream.connection import UpstreamConnection

PIECE_BYTES: Final = 256 * 1024  # at most this much plain text from one step

Coding = Literal["gzip", "deflate"]


def coding_of(headers: list[tuple[str, str]]) -> Coding | None:
    """Return the one coding of an answer, None for plain; raises ``UpstreamError`` on others."""
    codings = [v.strip().lower() for n, v in headers if n == "content-encoding"]
    match [c for c in codings if c not in {"", "identity"}]:
        case []:
            return None
        case ["gzip" | "x-gzip"]:
            return "gzip"
        case ["deflate"]:
            return "deflate"
        case _:
            raise UpstreamError(
                "bad_response", "the provider's answer is compressed in an unknown way"
            )


class DecodedAnswer:
    """An answer whose body is decoded as it is read; implements ``UpstreamAnswer``."""

    def __init__(self, raw: UpstreamConnection, coding: Coding) -> None:
        self._raw = raw
        self._decoder = zlib.decompressobj(31 if coding == "gzip" else 15)
        self._rest = b""
        self.status = raw.status
        self.headers = [
            (n, v) for n, v in raw.headers if n not in {"content-encoding", "content-length"}
        ]

    async def read(self) -> bytes:
        while True:
            if not self._rest:
                self._rest = await self._raw.read()
                if not self._rest:
                    return self._end()
            piece = self._step()
            if piece:
                return piece

    async def read_all(self, limit_bytes: int) -> bytes:
        plain = bytearray()
        while piece := await self.read():
            plain += piece
            if len(plain) > limit_bytes:
                raise UpstreamError("too_large", "the provider's answer is larger than allowed")
        return bytes(plain)

    def close(self) -> None:
        self._raw.close()

    def _step(self) -> bytes:
        if self._decoder.eof:
            raise UpstreamError("bad_response", "bytes follow the provider's compressed answer")
        try:
            plain = self._decoder.decompress(self._rest, PIECE_BYTES)
        except zlib.error as error:
            raise UpstreamError(
                "bad_response", "the provider's compressed answer is broken"
            ) from error
        self._rest = self._decoder.unconsumed_tail or self._decoder.unused_data
        return plain

    def _end(self) -> bytes:
        if not self._decoder.eof:
            raise UpstreamError(
                "connection_lost", "the provider's compressed answer ends too early"
            )
        return b""
