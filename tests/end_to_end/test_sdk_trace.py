"""The SDK and the product together: an application's functions and its calls are one trace."""

import os
import subprocess
import sys
from typing import Final

from tests.equipment.sql import Row, Sql
from tests.equipment.stack import Stack

APPLICATION: Final = """
import asyncio

import openai
import tollkeeper
from tollkeeper import observe, session, user

tollkeeper.configure(service_name="shop")
ai = openai.OpenAI()
later = openai.AsyncOpenAI()
MESSAGES = [{"role": "user", "content": "hello"}]


@observe(as_type="tool")
def search():
    return []


@observe
def words():
    for chunk in ai.chat.completions.create(model="demo/echo", messages=MESSAGES, stream=True):
        if chunk.choices:
            yield chunk.choices[0].delta.content or ""


@observe
async def second_opinion():
    return await later.chat.completions.create(model="demo/echo", messages=MESSAGES)


@observe(as_type="agent")
def answer():
    search()
    ai.chat.completions.create(model="demo/echo", messages=MESSAGES)
    "".join(words())
    asyncio.run(second_opinion())
    return tollkeeper.current_trace_id()


with session("of-the-sdk"), user("ana"):
    print(answer())
"""
SPANS: Final = """
SELECT SpanId, ParentSpanId, SpanName, ScopeName, ServiceName, SpanAttributes
FROM otel_traces WHERE TraceId = {trace_id:String} LIMIT 1 BY SpanId
"""


def run_application(stack: Stack) -> str:
    """Run it as its users would, with nothing but variables set; return the trace it made."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "TOLLKEEPER_"))}
    done = subprocess.run(
        [sys.executable, "-c", APPLICATION],
        env={
            **kept,
            "OPENAI_BASE_URL": stack.base_url,
            "OPENAI_API_KEY": stack.key,
            "TOLLKEEPER_API_KEY": stack.key,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{stack.ports['otlp']}",
        },
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def parents(rows: list[Row]) -> set[tuple[str, str]]:
    names = {row["SpanId"]: row["SpanName"] for row in rows}
    return {(row["SpanName"], names.get(row["ParentSpanId"], "")) for row in rows}


def test_functions_and_calls_are_one_trace(stack: Stack, sql: Sql) -> None:
    trace_id = run_application(stack)
    rows = sql.wait(SPANS, {"trace_id": trace_id}, until=lambda found: len(found) >= 10)
    route = "POST /v1/chat/completions"
    assert parents(rows) == {
        ("invoke_agent answer", ""),
        ("execute_tool search", "invoke_agent answer"),
        (route, "invoke_agent answer"),
        ("words", "invoke_agent answer"),
        (route, "words"),
        ("second_opinion", "invoke_agent answer"),
        (route, "second_opinion"),
        ("chat echo", route),
    }
    assert len(rows) == 10
    for row in rows:
        assert row["SpanAttributes"]["session.id"] == "of-the-sdk", row["SpanName"]
        assert row["SpanAttributes"]["user.id"] == "ana", row["SpanName"]
    own = [row for row in rows if row["ScopeName"] == "tollkeeper"]
    assert {row["ServiceName"] for row in own} == {"shop"}
