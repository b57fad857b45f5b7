"""Wires the parts of one worker together; the order of the policies stands here.

Settings and places in, a server that can be opened and closed out. Opening goes downward through
the parts, closing upward, so that what is accounted last still finds its ledger and exporter.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from tollkeeper import semconv as names
from tollkeeper.config import Environment, Places
from tollkeeper.errors import ConfigError
from tollkeeper.logs import Log
from tollkeeper.pricing import price_of
from tollkeeper_proxy.accounts import tokens
from tollkeeper_proxy.cache.store import SqliteAnswers
from tollkeeper_proxy.control_keys import ControlKeys
from tollkeeper_proxy.exchange import Exchange
from tollkeeper_proxy.ledger.clerk import SqliteLedger
from tollkeeper_proxy.pipeline import Pipeline
from tollkeeper_proxy.policies import Policy
from tollkeeper_proxy.policies.budget import BudgetPolicy
from tollkeeper_proxy.policies.cache import CachePolicy
from tollkeeper_proxy.policies.identify import IdentifyPolicy
from tollkeeper_proxy.policies.redact import RedactPolicy
from tollkeeper_proxy.policies.route import Route
from tollkeeper_proxy.policies.screen import ScreenPolicy
from tollkeeper_proxy.routes.chat import ChatCompletions
from tollkeeper_proxy.routes.models import ModelList
from tollkeeper_proxy.routes.probes import Metrics, Probe
from tollkeeper_proxy.routing.providers import (
    DEMO,
    Provider,
    ProviderConfigError,
    configured_providers,
)
from tollkeeper_proxy.routing.router import Router
from tollkeeper_proxy.server.closing import ClosingTime
from tollkeeper_proxy.server.http import ConnectionFactory, Endpoint, Routes, Server
from tollkeeper_proxy.settings import ProviderSettings, ProxySettings
from tollkeeper_proxy.telemetry.destination import Destination, otlp_head
from tollkeeper_proxy.telemetry.exporter import SpanExporter
from tollkeeper_proxy.telemetry.metrics import ProxyMetrics
from tollkeeper_proxy.telemetry.spans import SpanMaker
from tollkeeper_proxy.telemetry.spool import Spool
from tollkeeper_proxy.upstream import Origin
from tollkeeper_proxy.upstream.demo import DemoUpstream
from tollkeeper_proxy.upstream.forward import Forwarder
from tollkeeper_proxy.upstream.http import HttpUpstream
from tollkeeper_proxy.upstream.pool import ConnectionPool

LEASE_MARGIN_S: Final = 30.0
_TOLD_OUTCOMES: Final = {
    "refused": "request_refused",
    "failed": "request_failed",
    "truncated": "request_truncated",
}


class Opened(Protocol):
    """A part that holds something open."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a worker is told from outside: settings, places, secrets, and where to speak."""

    settings: ProxySettings
    places: Places
    environment: Environment
    worker: int
    log: Log

    @property
    def system_key(self) -> str:
        return self.environment.get("TOLLKEEPER_SYSTEM_KEY") or ""


class ProxyApp:
    """One worker, wired; inside a running event loop."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._ready = False
        self._warming: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._warming.set_result(None)
        self.closing = ClosingTime()
        self.pool = ConnectionPool()
        self._http = HttpUpstream(self.pool)
        self._providers = _providers(around)
        self._router = Router(self._providers, around.settings.models)
        if broken := self._router.broken_aliases():
            raise ConfigError(broken[0])
        redact = RedactPolicy(around.settings.policies.pii)
        self._metrics = ProxyMetrics()
        self._exporter = self._span_exporter(redact)
        policies, self._open_parts = _policies_in_order(around, self._router, redact)
        routes = Routes(self._endpoints(policies), self._emit)
        server = Server(routes, around.settings.server)
        self.connections = ConnectionFactory(
            server, emit=self._emit, settings=around.settings.server
        )

    async def open(self) -> None:
        """Open every part, in the order in which requests need them."""
        await self._exporter.open()
        for part in self._open_parts:
            await part.open()
        self._ready = True
        self._warming = asyncio.create_task(asyncio.to_thread(_warm))

    def stop_being_ready(self) -> None:
        """Let the readiness probe send new callers elsewhere."""
        self._ready = False

    async def close(self) -> None:
        """Close every part in reverse: policies settle into a ledger and exporter still open."""
        await self._warming
        for part in reversed(self._open_parts):
            await part.close()
        await self._exporter.close()
        self.pool.close()

    def _endpoints(self, policies: Sequence[Policy]) -> dict[tuple[str, str], Endpoint]:
        report = self._report
        chat = ChatCompletions(
            Pipeline(policies, report=report),
            Forwarder(self._providers, self._http, DemoUpstream()),
            tell_cost=self._around.settings.server.stream_cost,
            emit=self._emit,
            report_bug=self._report_bug,
            closing=self.closing,
        )
        identified = [policy for policy in policies if policy.name == "identify"]
        models = ModelList(
            self._router, Pipeline(identified, report=report), self._emit, self._report_bug
        )
        alive, ready = Probe(lambda: True), Probe(lambda: self._ready)
        endpoints: dict[tuple[str, str], Endpoint] = {
            ("GET", "/livez"): alive,
            ("GET", "/healthz"): ready,
            ("GET", "/readyz"): ready,
            ("GET", "/metrics"): Metrics(self._metrics.text),
        }
        for prefix in ("/v1", ""):
            endpoints["POST", f"{prefix}/chat/completions"] = chat
            endpoints["GET", f"{prefix}/models"] = models
        return endpoints

    def _emit(self, exchange: Exchange) -> None:
        self._exporter.offer(exchange)
        event = _TOLD_OUTCOMES.get(exchange.outcome)
        if event is not None:
            self._around.log.warning(
                event,
                request_id=exchange.request_id,
                trace_id=exchange.trace.trace_id,
                route=exchange.route,
                status=exchange.status,
                error=exchange.error_type,
                key=exchange.identity.key_name if exchange.identity else "",
                model=exchange.request.model if exchange.request else "",
            )

    def _report(self, part: str, error: Exception) -> None:
        self._around.log.error("part_failed", part=part, error=f"{type(error).__name__}: {error}")

    def _report_bug(self, exchange: Exchange, error: Exception) -> None:
        self._around.log.error(
            "request_bug",
            request_id=exchange.request_id,
            trace_id=exchange.trace.trace_id,
            error=f"{type(error).__name__}: {error}",
        )

    def _span_exporter(self, redact: RedactPolicy) -> SpanExporter:
        around = self._around
        telemetry = around.settings.telemetry
        maker = SpanMaker(
            telemetry_names={name: p.telemetry_name for name, p in self._providers.items()},
            clean=_cleaner(around.settings, redact),
        )
        destinations = [
            _destination(self._http, url, around, number, self._report)
            for number, url in enumerate(telemetry.otlp)
        ]
        resource = {
            names.SERVICE_NAME: "tollkeeper-proxy",
            names.SERVICE_VERSION: version("tollkeeper-proxy"),
            names.SERVICE_INSTANCE_ID: f"proxy-{around.worker}",
        }
        exporter = SpanExporter(
            maker,
            destinations,
            resource=resource,
            queue_size=telemetry.queue_size,
            count=self._metrics.count,
            report=self._report,
        )
        for line in exporter.gauges():
            self._metrics.watch(*line)
        return exporter


def _policies_in_order(
    around: Surroundings, router: Router, redact: RedactPolicy
) -> tuple[list[Policy], list[Opened]]:
    """Return the policies in the product's order, and the parts they need opened."""
    settings = around.settings
    keys = ControlKeys(settings.control.url)
    screen = ScreenPolicy(settings.policies.injection)
    state = _state_path(settings.state.url)
    ledger = SqliteLedger(state)
    answers = SqliteAnswers(state.with_name("answers.db"), max_bytes=settings.cache.max_bytes)
    policies: list[Policy] = [
        IdentifyPolicy(settings.identity, keys),
        screen,
        redact,
        Route(router, price_of=price_of, draw=random.random),
        CachePolicy(
            settings.cache,
            answers,
            policies=settings.policies,
            redact_text=redact.redact_text,
        ),
        BudgetPolicy(ledger, lease_s=_longest_request_s(router.providers)),
    ]
    opened: list[Opened] = [keys, screen, redact, ledger]
    return policies, [*opened, answers] if settings.cache.enabled else opened


def _longest_request_s(providers: Mapping[str, Provider]) -> float:
    """Return when a hold that nobody settled may go: no request lives longer (promise R2)."""
    limits_s = [p.settings.total_timeout_s for name, p in providers.items() if name != DEMO]
    return max(limits_s, default=ProviderSettings().total_timeout_s) + LEASE_MARGIN_S


def _state_path(url: str) -> Path:
    path = url.removeprefix("sqlite:///")
    if path == url or not path:
        raise ConfigError("state.url: expected sqlite:///PATH; no other store is built in yet")
    return Path(path)


def _warm() -> None:
    """Load what is large and rarely first: the price table, then the token vocabulary."""
    price_of("openai", "gpt-4o-mini")
    tokens.warm()


def _providers(around: Surroundings) -> dict[str, Provider]:
    try:
        return configured_providers(around.settings.providers, around.environment.get)
    except ProviderConfigError as error:
        raise ConfigError(str(error)) from None


def _cleaner(settings: ProxySettings, redact: RedactPolicy) -> Callable[[str], str] | None:
    match settings.content.store:
        case "off":
            return None
        case "full":
            return lambda text: text
        case "redacted":
            return redact.redact_text


def _destination(
    upstream: HttpUpstream,
    url: str,
    around: Surroundings,
    number: int,
    report: Callable[[str, Exception], None],
) -> Destination:
    origin, path = _collector(url)
    folder = around.places.data / "spool" / f"proxy-{around.worker}" / str(number)
    head = otlp_head(origin, f"{path}/v1/traces", around.system_key)
    spool = Spool(folder, limit_bytes=around.settings.telemetry.spool_bytes)
    return Destination(upstream, origin, head, spool=spool, report=report)


def _collector(url: str) -> tuple[Origin, str]:
    """Return where a collector is, and the path before its routes."""
    try:
        parts = urlsplit(url)
        port = parts.port or 4318
    except ValueError:  # no such port, or half of an IPv6 address
        raise _unlike_a_collector(url) from None
    printable = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in {"http", "https"} or not parts.hostname or not printable:
        raise _unlike_a_collector(url)
    return Origin(parts.scheme, parts.hostname, port), parts.path.rstrip("/")


def _unlike_a_collector(url: str) -> ConfigError:
    return ConfigError(f"telemetry.otlp: '{url}' must look like http://host:4318")
