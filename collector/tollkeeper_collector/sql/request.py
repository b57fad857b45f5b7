"""An HTTP request in, a question out, as ClickHouse's HTTP interface reads it.

The statement is the ``query`` parameter, the body, or both in this order; parameters are
``param_NAME``. Settings that only shape the transport are obeyed, others are refused as a server
refuses them to a read-only user, except those that are certain to change no answer.
"""

import re
from dataclasses import dataclass
from typing import Final

from aiohttp import BodyPartReader, MultipartReader, web

from tollkeeper_collector.sql.errors import SqlError, bad_request, read_only

Fields = dict[str, str]

TRANSPORT: Final = frozenset(
    (
        "add_http_cors_header", "buffer_size", "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version", "close_session", "compress", "database", "decompress",
        "default_format", "enable_http_compression", "http_headers_progress_interval_ms",
        "http_zlib_compression_level", "password", "query", "query_id", "quota_key", "readonly",
        "send_progress_in_http_headers", "session_check", "session_id", "session_timeout", "user",
        "wait_end_of_query",
    )
)  # fmt: skip
# Sent by drivers as a matter of course; ours are stricter or the same.
IGNORED: Final = frozenset(
    ("connect_timeout", "extremes", "max_execution_time", "max_result_rows", "result_overflow_mode")
)
QUERY_ID: Final = re.compile(r"[\x21-\x7e]{1,100}")
TRUE: Final = ("1", "true")


@dataclass(frozen=True, slots=True)
class Question:
    """One statement and how its answer is to be sent."""

    sql: str
    database: str
    parameters: Fields
    default_format: str
    query_id: str
    wait_end_of_query: bool
    gzip: bool
    blocks: bool  # ClickHouse's own compression
    protocol: str  # what of Native the client understands; a server obeys, chDB knows only "0"


async def read_question(request: web.Request, query_bytes: int) -> Question:
    """Return what is asked; SqlError when it is too long or asks for what we do not do."""
    fields = dict(request.query)
    text = await _body(request, fields)
    sql = "\n".join(part for part in (fields.get("query", ""), text) if part.strip())
    if len(sql.encode("utf-8", "surrogatepass")) > query_bytes:
        raise SqlError(223, "QUERY_IS_TOO_LARGE", f"a statement may have {query_bytes} bytes")
    _check_settings(fields)
    wants_gzip = "gzip" in request.headers.get("Accept-Encoding", "").lower()
    query_id = fields.get("query_id", "")
    return Question(
        sql=sql,
        database=fields.get("database", request.headers.get("X-ClickHouse-Database", "")),
        parameters={name[6:]: fields[name] for name in fields if name.startswith("param_")},
        default_format=fields.get("default_format", request.headers.get("X-ClickHouse-Format", "")),
        query_id=query_id if QUERY_ID.fullmatch(query_id) else "",
        wait_end_of_query=fields.get("wait_end_of_query", "") in TRUE,
        gzip=wants_gzip and fields.get("enable_http_compression", "") in TRUE,
        blocks=fields.get("compress", "") in TRUE,
        protocol=_number(fields.get("client_protocol_version", "")),
    )


async def _body(request: web.Request, fields: Fields) -> str:
    if request.content_type == "multipart/form-data":
        await _form(await request.multipart(), fields)
        return ""
    if not request.can_read_body:
        return ""
    try:
        return (await request.read()).decode("utf-8")
    except UnicodeDecodeError:
        raise bad_request("the statement is not UTF-8") from None


async def _form(form: MultipartReader, fields: Fields) -> None:
    while part := await form.next():
        if not isinstance(part, BodyPartReader) or part.filename or not part.name:
            raise SqlError(48, "NOT_IMPLEMENTED", "external tables are not served here")
        fields[part.name] = (await part.read(decode=True)).decode("utf-8", "replace")


def _number(text: str) -> str:
    return text if text.isascii() and text.isdigit() and len(text) < 10 else "0"


def _check_settings(fields: Fields) -> None:
    for name, value in fields.items():
        if name.startswith("param_") or name in IGNORED:
            continue
        if name not in TRANSPORT:
            raise read_only(f"Cannot modify '{name[:64]}' setting in readonly mode")
        if name == "decompress" and value in TRUE:
            raise SqlError(48, "NOT_IMPLEMENTED", "statements are taken plain or as gzip")
