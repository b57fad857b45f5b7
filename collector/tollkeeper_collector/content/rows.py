"""Content as rows of ``llm_call_messages`` and ``llm_content``: messages in, chunks out.

A message is kept once per tenant and day however often it is resent: it is stored under the hash
of the tenant and its text, so equal texts of two tenants have nothing in common.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from tollkeeper_collector.chunks import Chunk
from tollkeeper_collector.content.messages import Message

_DAY_NS: Final = 86_400_000_000_000
_MAX_SEQ: Final = 65_535  # UInt16; nobody reads a conversation that long
_CALL_COLUMNS: Final = (
    "ts",
    "trace_id",
    "span_id",
    "kind",
    "seq",
    "role",
    "content_hash",
    "size_bytes",
)


class Said(NamedTuple):
    """The messages of one span."""

    trace_id: str
    span_id: str
    start_ns: int
    messages: Sequence[Message]


def content_hash(tenant_id: str, text: str) -> str:
    """Return 128 bits of SHA-256 over tenant and text, as the 32 characters the column holds."""
    return hashlib.sha256(f"{tenant_id}\0{text}".encode()).hexdigest()[:32]


def content_chunks(said: Iterable[Said], tenant_id: str, now_ns: int) -> list[Chunk]:
    """Return the content rows of some spans of one tenant; none when nothing was said."""
    calls: list[tuple[object, ...]] = []
    texts: dict[tuple[int, str], str] = {}
    for span in said:
        seqs: dict[str, int] = {}
        for kind, role, text in span.messages:
            seq = seqs[kind] = seqs.get(kind, -1) + 1
            if seq > _MAX_SEQ:
                break
            digest = content_hash(tenant_id, text)
            texts[span.start_ns // _DAY_NS, digest] = text
            size = len(text.encode())
            calls.append(
                (span.start_ns // 1000, span.trace_id, span.span_id, kind, seq, role, digest, size)
            )
    if not calls:
        return []
    columns = dict(zip(_CALL_COLUMNS, zip(*calls, strict=True), strict=True))
    return [
        Chunk("llm_call_messages", len(calls), {"tenant_id": tenant_id}, columns),
        _text_chunk(texts, tenant_id, now_ns),
    ]


def _text_chunk(texts: dict[tuple[int, str], str], tenant_id: str, now_ns: int) -> Chunk:
    return Chunk(
        "llm_content",
        len(texts),
        {"tenant_id": tenant_id, "last_seen": now_ns // 1_000_000},
        {
            "day": [day for day, _ in texts],
            "content_hash": [digest for _, digest in texts],
            "content": list(texts.values()),
        },
    )
