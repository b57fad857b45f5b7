"""One recorded HTTP exchange with a provider, as a value, and what of it can be served again."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from typing import Final

Headers = tuple[tuple[str, str], ...]

# The transport writes these itself; recorded ones describe a connection that is long gone.
TRANSPORT_HEADERS: Final = frozenset({"content-length", "transfer-encoding", "connection"})
GZIP_MAGIC: Final = b"\x1f\x8b"
# zlib: 32 added to the window size detects the gzip or zlib header by itself.
DETECT_HEADER: Final = 32 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Interaction:
    """A request to a provider and its answer; bodies are the recorded bytes, perhaps coded."""

    file: str
    index: int
    provider: str
    host: str
    method: str
    path: str
    endpoint: str
    model: str
    is_stream: bool
    request_headers: Headers
    request_body: bytes
    status: int
    response_headers: Headers
    response_body: bytes

    @property
    def id(self) -> str:
        """Return a short name that stays the same as long as the recording does."""
        return hashlib.sha256(f"{self.file}#{self.index}".encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """Return a name a person can find the recording by."""
        return f"{self.provider}:{self.file.rsplit('/', 1)[-1]}#{self.index}"

    def response_header(self, name: str) -> str:
        return first_header(self.response_headers, name)

    def served_body(self) -> bytes:
        """Return the answer's body without its content coding."""
        coding = self.response_header("content-encoding").lower()
        return decoded(self.response_body, coding)

    def served_headers(self) -> Headers:
        """Return the answer's headers that still hold for the decoded body.

        Some recorders kept no header at all; the provider will have named the body's type.
        """
        kept = tuple(
            (name, value)
            for name, value in self.response_headers
            if name.lower() not in TRANSPORT_HEADERS and name.lower() != "content-encoding"
        )
        if first_header(kept, "content-type"):
            return kept
        natural = "text/event-stream" if self.is_stream else "application/json"
        return (*kept, ("Content-Type", natural))


def first_header(headers: Headers, name: str) -> str:
    """Return the first value of a header, "" when there is none; names match in any case."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), "")


def decoded(body: bytes, coding: str) -> bytes:
    """Undo a content coding; recorders often kept the header and decoded the body already."""
    if body.startswith(GZIP_MAGIC):
        return gzip.decompress(body)
    if coding == "deflate":
        try:
            return zlib.decompress(body, DETECT_HEADER)
        except zlib.error:
            return body
    return body
