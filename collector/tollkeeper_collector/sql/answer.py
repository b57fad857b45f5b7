"""What an engine streams, onto an HTTP response: headers, compression, errors before and within.

An error that comes before the first byte has its own status. One that comes later is written into
the body between ClickHouse's exception marks, and the connection is cut, so that no reader takes
half an answer for the whole.
"""

import asyncio
import secrets
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from tollkeeper_collector.sql.blocks import block
from tollkeeper_collector.sql.errors import SqlError
from tollkeeper_collector.sql.marks import TAG_HEADER, marked

DISPLAY_NAME: Final = "tollkeeper"
CONTENT_TYPES: Final = {
    "Arrow": "application/vnd.apache.arrow.file",
    "ArrowStream": "application/vnd.apache.arrow.stream",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "CSVWithNamesAndTypes": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONColumns": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "JSONLines": "application/x-ndjson; charset=UTF-8",
    "JSONStrings": "application/json; charset=UTF-8",
    "NDJSON": "application/x-ndjson; charset=UTF-8",
    "Native": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "RowBinaryWithNamesAndTypes": "application/octet-stream",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TabSeparatedWithNames": "text/tab-separated-values; charset=UTF-8",
    "TabSeparatedWithNamesAndTypes": "text/tab-separated-values; charset=UTF-8",
}
TEXT: Final = "text/plain; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Heading:
    """What an answer says of itself in its headers."""

    query_id: str
    version: str
    timezone: str
    output_format: str = ""
    gzip: bool = False
    blocks: bool = False
    tag: str = field(default_factory=lambda: secrets.token_hex(8))  # 16 characters, as ClickHouse's

    def headers(self) -> dict[str, str]:
        """Return the headers every answer has."""
        said = {
            "X-ClickHouse-Server-Display-Name": DISPLAY_NAME,
            "X-ClickHouse-Query-Id": self.query_id,
            "X-ClickHouse-Timezone": self.timezone,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        if self.output_format:
            said["X-ClickHouse-Format"] = self.output_format
        return said


def refusal(error: SqlError, heading: Heading) -> web.Response:
    """Return an error in ClickHouse's text form."""
    headers = heading.headers() | {"X-ClickHouse-Exception-Code": str(error.code)}
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="tollkeeper"'
    return web.Response(
        status=error.status,
        body=error.text(heading.version).encode(),
        headers={**headers, "Content-Type": TEXT},
    )


def summary(result_bytes: int, elapsed_ns: int) -> str:
    """Return ``X-ClickHouse-Summary``; what an embedded engine does not tell is said as 0."""
    return (
        '{"read_rows":"0","read_bytes":"0","written_rows":"0","written_bytes":"0",'
        f'"total_rows_to_read":"0","result_rows":"0","result_bytes":"{result_bytes}",'
        f'"elapsed_ns":"{elapsed_ns}"}}'
    )


@dataclass(slots=True)
class Delivery:
    """One answer on its way out, compressed if asked for."""

    request: web.Request
    heading: Heading
    stalled_s: float  # a reader that takes nothing for so long is cut off
    response: web.StreamResponse | None = None
    _gzip: "zlib._Compress | None" = None

    async def start(self, result_bytes: int, elapsed_ns: int) -> None:
        """Send the headers."""
        headers = self.heading.headers() | {
            "Content-Type": CONTENT_TYPES.get(self.heading.output_format, TEXT),
            "X-ClickHouse-Summary": summary(result_bytes, elapsed_ns),
            TAG_HEADER: self.heading.tag,
        }
        if self.heading.gzip:
            headers["Content-Encoding"] = "gzip"
            self._gzip = zlib.compressobj(level=3, wbits=31)  # ClickHouse's own default level
        self.response = web.StreamResponse(headers=headers)
        await self.response.prepare(self.request)

    async def send(self, pieces: AsyncIterator[bytes]) -> web.StreamResponse:
        """Send the rest of the answer; a reader that has gone or takes nothing ends it quietly."""
        try:
            await self._send(pieces)
        except (ConnectionError, TimeoutError):
            if self.request.transport is not None:
                self.request.transport.abort()
        return self._started()

    async def _send(self, pieces: AsyncIterator[bytes]) -> None:
        try:
            async for piece in pieces:
                await self._write(piece)
        except SqlError as error:
            await self._write(marked(error.text(self.heading.version), self.heading.tag))
            await self._finish()
            if self.request.transport is not None:
                self.request.transport.close()  # no last chunk: visibly cut
            return
        await self._finish()
        await self._started().write_eof()

    def _started(self) -> web.StreamResponse:
        if self.response is None:
            raise RuntimeError("an answer is sent before its headers")
        return self.response

    async def _write(self, piece: bytes) -> None:
        packed = block(piece) if self.heading.blocks and piece else piece
        data = self._gzip.compress(packed) if self._gzip else packed
        if data:
            await asyncio.wait_for(self._started().write(data), self.stalled_s)

    async def _finish(self) -> None:
        if self._gzip:
            await self._started().write(self._gzip.flush())
