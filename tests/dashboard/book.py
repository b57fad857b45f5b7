"""A book to read: the collector's own schema, engine and SQL endpoint over made-up traffic.

Run as a process of its own (``python -m tests.dashboard.book FOLDER REPORT``): the engine allows
one folder per process, and the pages are to meet it over HTTP as they do in life.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from aiohttp import web

from tollkeeper import semconv
from tollkeeper.keys import Identity
from tollkeeper_collector.content.rows import content_hash
from tollkeeper_collector.identity import Doorkeeper
from tollkeeper_collector.migrations.runner import migrate
from tollkeeper_collector.sql import sql_app
from tollkeeper_collector.store.opening import Engine, open_engine

SYSTEM_KEY: Final = "tk-system-key-of-the-tests"
TENANT: Final = "default"
TRACE_COLUMNS: Final = (
    "Timestamp", "TraceId", "SpanId", "ParentSpanId", "SpanName", "SpanKind", "ServiceName",
    "ResourceAttributes", "ScopeName", "SpanAttributes", "Duration", "StatusCode", "StatusMessage",
    "Events.Timestamp", "Events.Name", "Events.Attributes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """One span to write into the book."""

    at: datetime
    trace_id: str
    span_id: str
    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    parent_id: str = ""
    kind: str = "Internal"
    service: str = "shop"
    scope: str = semconv.PROXY_SCOPE
    duration: timedelta = timedelta(milliseconds=100)
    status: str = "Unset"
    message: str = ""
    events: tuple[tuple[str, dict[str, str]], ...] = ()
    tenant: str = TENANT

    def row(self) -> list[object]:
        resource = {semconv.SERVICE_NAME: self.service, semconv.TENANT_ID: self.tenant}
        return [
            self.at, self.trace_id, self.span_id, self.parent_id, self.name, self.kind,
            self.service, resource, self.scope, self.attributes,
            int(self.duration.total_seconds() * 1e9), self.status, self.message,
            [self.at] * len(self.events), [name for name, _ in self.events],
            [attributes for _, attributes in self.events],
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class SaidIn:
    """Messages of one call, as (kind, role, text) with the text as stored JSON."""

    call: Written
    messages: Sequence[tuple[str, str, str]]


def call(  # one parameter per thing a test may want to say
    number: int,
    at: datetime,
    *,
    model: str = "gpt-4o-mini",
    cost: Decimal | None = Decimal("0.001"),
    tokens: tuple[int, int] | None = (100, 20),
    milliseconds: int = 100,
    trace_id: str = "",
    **more: str,
) -> Written:
    """Return the CLIENT span of one proxied call; ``more`` are attributes by their short names."""
    named = {getattr(semconv, name.upper()): value for name, value in more.items()}
    attributes = {
        semconv.OPERATION_NAME: "chat",
        semconv.PROVIDER_NAME: "openai",
        semconv.REQUEST_MODEL: model,
        semconv.RESPONSE_MODEL: model,
        semconv.ATTEMPT: "1",
        semconv.OUTCOME: "complete",
        semconv.CACHE: "off",
        semconv.REQUEST_ID: f"req-{number}",
        **({semconv.COST_USD: f"{cost:f}"} if cost is not None else {}),
        **named,
    }
    if tokens is not None:
        attributes[semconv.USAGE_INPUT_TOKENS] = str(tokens[0])
        attributes[semconv.USAGE_OUTPUT_TOKENS] = str(tokens[1])
    return Written(
        at,
        trace_id or f"{number:032x}",
        f"{number:016x}",
        f"chat {model}",
        attributes,
        kind="Client",
        duration=timedelta(milliseconds=milliseconds),
        status="Error" if semconv.ERROR_TYPE in attributes else "Unset",
    )


def text_message(role: str, text: str) -> str:
    return json.dumps({"role": role, "parts": [{"type": "text", "content": text}]}, sort_keys=True)


class Author:
    """Writes spans and messages through the collector's own schema."""

    def __init__(self, engine: Engine) -> None:
        migrate(engine)
        self._client = engine.client()

    def write(self, spans: Sequence[Written], said: Sequence[SaidIn] = ()) -> None:
        if spans:
            self._client.insert(
                "otel_traces", [s.row() for s in spans], TRACE_COLUMNS, database="otel"
            )
        for each in said:
            self._say(each)

    def clear(self) -> None:
        for table in (
            "otel_traces", "otel_traces_trace_id_ts", "llm_calls", "llm_content",
            "llm_call_messages",
        ):  # fmt: skip
            self._client.command(f"TRUNCATE TABLE otel.{table}")

    def _say(self, said: SaidIn) -> None:
        span = said.call
        calls: list[list[object]] = []
        texts: list[list[object]] = []
        for number, (kind, role, text) in enumerate(said.messages):
            digest = content_hash(span.tenant, text)
            size = len(text.encode())
            calls.append(
                [
                    span.tenant,
                    span.at,
                    span.trace_id,
                    span.span_id,
                    kind,
                    number,
                    role,
                    digest,
                    size,
                ]
            )
            texts.append([span.tenant, span.at.date(), digest, text])
        self._client.insert(
            "llm_call_messages",
            calls,
            ["tenant_id", "ts", "trace_id", "span_id", "kind", "seq", "role", "content_hash",
             "size_bytes"],
            database="otel",
        )  # fmt: skip
        self._client.insert(
            "llm_content", texts, ["tenant_id", "day", "content_hash", "content"], database="otel"
        )


class NoKeys:
    """Only the system key opens this book."""

    def find(self, key_digest: str, /) -> Identity | None:
        return None


async def publish(folder: Path, report: Path) -> None:
    """Serve the book; writing comes in as JSON from the tests, by POST /write."""
    engine = open_engine(f"chdb://{folder}")
    author = Author(engine)

    async def write(request: web.Request) -> web.Response:
        author.write(*parsed(await request.json()))
        return web.Response()

    async def clear(request: web.Request) -> web.Response:
        author.clear()
        return web.Response()

    app = sql_app(engine, Doorkeeper(NoKeys(), SYSTEM_KEY))
    app.router.add_post("/write", write)
    app.router.add_post("/clear", clear)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    draft = report.with_suffix(".draft")
    draft.write_text(str(port))
    draft.replace(report)
    await asyncio.Event().wait()


def packed(spans: Sequence[Written], said: Sequence[SaidIn]) -> dict[str, object]:
    """Return spans and messages as JSON takes them."""
    return {
        "spans": [_packed(span) for span in spans],
        "said": [{"call": _packed(each.call), "messages": list(each.messages)} for each in said],
    }


def parsed(body: dict[str, list[dict[str, object]]]) -> tuple[list[Written], list[SaidIn]]:
    spans = [_unpacked(span) for span in body["spans"]]
    said = [SaidIn(_unpacked(each["call"]), each["messages"]) for each in body["said"]]  # type: ignore[arg-type]  # JSON
    return spans, said


def _packed(span: Written) -> dict[str, object]:
    fields = {name: getattr(span, name) for name in Written.__slots__}
    return {**fields, "at": span.at.isoformat(), "duration": span.duration.total_seconds()}


def _unpacked(fields: object) -> Written:
    assert isinstance(fields, dict)
    at = datetime.fromisoformat(fields["at"]).astimezone(UTC)
    duration = timedelta(seconds=fields["duration"])
    events = tuple((name, attributes) for name, attributes in fields["events"])
    return Written(**{**fields, "at": at, "duration": duration, "events": events})


if __name__ == "__main__":
    try:
        asyncio.run(publish(Path(sys.argv[1]), Path(sys.argv[2])))
    except KeyboardInterrupt:
        time.sleep(0)
