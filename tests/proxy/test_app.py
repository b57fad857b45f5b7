"""The parts of one worker, wired: what they refuse to start with, and how they end."""

import asyncio
import io
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.equipment.canary import CANARY
from tests.equipment.raw_http import RawConnection, RawResponse, request_bytes
from tests.proxy.telemetry.collector import FakeCollector
from tests.proxy.telemetry.otlp import ReadSpan, read_spans
from tests.proxy.upstream.calls import until

from tollkeeper import semconv as names
from tollkeeper.config import Environment, Places
from tollkeeper.control import KeyStore
from tollkeeper.errors import ConfigError
from tollkeeper.logs import Log
from tollkeeper_proxy.app import LEASE_MARGIN_S, ProxyApp, Surroundings, _longest_request_s
from tollkeeper_proxy.routing.providers import configured_providers
from tollkeeper_proxy.settings import ProviderSettings, ProxySettings

ASKED = {"model": "demo/echo", "messages": [{"role": "user", "content": "mail jo@example.com"}]}


@dataclass(slots=True)
class Running:
    """A worker that serves on a port, with a key that opens it."""

    app: ProxyApp
    port: int
    key: str
    collector: FakeCollector

    async def ask(self, path: str = "/v1/chat/completions", **fields: Any) -> RawResponse:
        method = "POST" if fields else "GET"
        headers = (("Authorization", f"Bearer {self.key}"),)
        body = json.dumps(fields).encode() if fields else b""
        message = request_bytes(path, body, method=method, headers=headers)
        return await asyncio.to_thread(self._talk, message)

    def _talk(self, message: bytes) -> RawResponse:
        with RawConnection(self.port) as connection:
            connection.send(message)
            return connection.read_response()

    def spans(self) -> list[ReadSpan]:
        return [span for body in self.collector.taken for span in read_spans(body)]


def around(
    folder: Path,
    log: Log | None = None,
    *,
    variables: Mapping[str, str] | None = None,
    **sections: Any,
) -> Surroundings:
    sections.setdefault("telemetry", {"otlp": []})
    settings = ProxySettings.model_validate(
        {
            "state": {"url": f"sqlite:///{folder / 'state.db'}"},
            "control": {"url": f"sqlite:///{folder / 'control.db'}"},
            **sections,
        }
    )
    places = Places(folder, None, {}, ())
    log = log or Log("proxy", io.StringIO())
    return Surroundings(settings, places, Environment(variables or {}), 0, log)


@asynccontextmanager
async def running(folder: Path, log: Log | None = None, **sections: Any) -> AsyncIterator[Running]:
    collector = FakeCollector()
    await collector.open()
    sections["telemetry"] = {"otlp": [f"http://127.0.0.1:{collector.port}"]}
    app = ProxyApp(around(folder, log, **sections))
    await app.open()
    store = KeyStore(f"sqlite:///{folder / 'control.db'}")
    key, _ = store.create("tests")
    store.close()
    server = await asyncio.get_running_loop().create_server(app.connections, "127.0.0.1", 0)
    try:
        yield Running(app, server.sockets[0].getsockname()[1], key, collector)
    finally:
        server.close()
        await app.connections.shutdown(1.0)
        await app.close()
        await collector.close()


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"models": {"fast": {"targets": [{"model": "nowhere/x"}]}}}, "models.fast"),
        ({"providers": {"lab": {"dialect": "openai"}}}, "providers.lab"),
        ({"providers": {"lab": {"base_url": "ftp://h"}}}, "providers.lab.base_url"),
        ({"providers": {"lab": {"base_url": "http://h:99999"}}}, "providers.lab.base_url"),
        ({"providers": {"demo": {"base_url": "http://h"}}}, "providers.demo"),
        ({"telemetry": {"otlp": ["collector:4318"]}}, "telemetry.otlp"),
        ({"telemetry": {"otlp": ["http://h:99999"]}}, "telemetry.otlp"),
        ({"telemetry": {"otlp": ["http://[::1"]}}, "telemetry.otlp"),
        ({"telemetry": {"otlp": ["http://h/a b"]}}, "telemetry.otlp"),
        ({"state": {"url": "redis://h"}}, "state.url"),
        ({"state": {"url": "sqlite:///"}}, "state.url"),
    ],
)
async def test_what_cannot_work_is_said_before_anything_is_opened(
    tmp_path: Path, sections: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        ProxyApp(around(tmp_path, **sections))
    assert os.listdir(tmp_path) == []


def test_a_hold_outlives_the_longest_request_of_any_provider() -> None:
    quick = {"lab": ProviderSettings(base_url="http://h/v1", total_timeout_s=60)}
    assert _longest_request_s(configured_providers(quick, lambda _: None)) == 60 + LEASE_MARGIN_S
    keys = {"OPENAI_API_KEY": "k"}  # no section of its own, and the default of half an hour
    default_s = ProviderSettings().total_timeout_s
    both = configured_providers(quick, keys.get)
    assert _longest_request_s(both) == default_s + LEASE_MARGIN_S
    assert _longest_request_s(configured_providers({}, lambda _: None)) > 0


async def test_every_route_is_there_with_and_without_its_version(tmp_path: Path) -> None:
    async with running(tmp_path) as proxy:
        for prefix in ("/v1", ""):
            answered = await proxy.ask(f"{prefix}/chat/completions", **ASKED)
            assert answered.status == 200
            listed = await proxy.ask(f"{prefix}/models")
            assert "demo/echo" in [model["id"] for model in listed.json()["data"]]
        for probe in ("/livez", "/readyz", "/healthz"):
            assert (await proxy.ask(probe)).status == 200
        assert b"tollkeeper_requests_total" in (await proxy.ask("/metrics")).body


async def test_a_worker_that_is_stopping_is_alive_and_not_ready(tmp_path: Path) -> None:
    async with running(tmp_path) as proxy:
        proxy.app.stop_being_ready()
        assert (await proxy.ask("/readyz")).status == 503
        assert (await proxy.ask("/livez")).status == 200


async def test_a_call_leaves_its_spans_with_the_collector(tmp_path: Path) -> None:
    async with running(tmp_path) as proxy:
        answer = await proxy.ask(**ASKED)
        await until(lambda: len(proxy.spans()) == 2)
        server, call = proxy.spans()
        assert server.trace_id == call.trace_id == answer.header("x-tollkeeper-trace-id")
        assert call.attributes[names.COST_USD] == answer.header("x-tollkeeper-cost-usd")
        assert call.resource[names.TENANT_ID] == "default"


@pytest.mark.parametrize(
    ("store", "kept"), [("off", ()), ("redacted", ("mail",)), ("full", ("mail", "jo@example.com"))]
)
async def test_of_the_content_is_kept_what_may_be(
    tmp_path: Path, store: str, kept: tuple[str, ...]
) -> None:
    async with running(tmp_path, content={"store": store}) as proxy:
        await proxy.ask(**ASKED)
        await until(lambda: len(proxy.spans()) == 2)
        told = str(proxy.spans())
        assert [word in told for word in ("mail", "jo@example.com")] == [
            word in kept for word in ("mail", "jo@example.com")
        ]


async def test_a_refusal_leaves_one_log_line_and_one_span_and_no_key(tmp_path: Path) -> None:
    written = io.StringIO()
    log = Log("proxy", written)
    lab = {"lab": {"base_url": "http://127.0.0.1:9/v1", "api_key": CANARY}}
    async with running(tmp_path, log, providers=lab) as proxy:
        answer = await proxy.ask(**{**ASKED, "model": "nowhere/x"})
        assert answer.status == 404
        unreachable = await proxy.ask(**{**ASKED, "model": "lab/x"})
        assert unreachable.status == 502
        await until(lambda: len(proxy.spans()) == 3)
        key, spans = proxy.key, proxy.spans()
    log.close()
    ids = [span.attributes[names.REQUEST_ID] for span in spans if span.kind == 2]
    assert ids == [answer.header("x-request-id"), unreachable.header("x-request-id")]
    lines = [line for line in written.getvalue().splitlines() if "request_" in line]
    assert ["model_not_found" in lines[0], "connect_failed" in lines[1]] == [True, True]
    assert len(lines) == 2
    for text in (written.getvalue(), str(spans), str(answer), str(unreachable)):
        assert CANARY not in text
        assert key not in text


async def test_closing_keeps_the_spans_of_the_last_moment(tmp_path: Path) -> None:
    async with running(tmp_path) as proxy:
        await proxy.collector.close()
        await proxy.ask(**ASKED)
    (file,) = (tmp_path / "spool" / "proxy-0" / "0").iterdir()
    assert len(read_spans(file.read_bytes())) == 2


async def test_a_worker_closes_that_never_served(tmp_path: Path) -> None:
    async with running(tmp_path):
        pass
