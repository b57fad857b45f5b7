"""The collector, wired: settings in; parts that are opened, served and closed in order out."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Final

import grpc.aio
from aiohttp import web

from tollkeeper.config import Environment
from tollkeeper.control import KeyStore
from tollkeeper.control.schema import migrate as migrate_control
from tollkeeper.errors import ControlUnreachable
from tollkeeper.logs import Log
from tollkeeper_collector.dead_letters import DeadLetters
from tollkeeper_collector.identity import Doorkeeper
from tollkeeper_collector.inserter import Inserter, Pace
from tollkeeper_collector.journal import Journal, JournalLimits
from tollkeeper_collector.migrations.retention import Retention
from tollkeeper_collector.migrations.runner import migrate
from tollkeeper_collector.probes import Probes
from tollkeeper_collector.receiver.connections import ConnectionFactory
from tollkeeper_collector.receiver.intake import Intake, IntakeLimits
from tollkeeper_collector.receiver.otlp_grpc import Exporter, make_server
from tollkeeper_collector.receiver.otlp_http import Page, Receiver
from tollkeeper_collector.rollups import Rollups
from tollkeeper_collector.rows import Rules
from tollkeeper_collector.rows.arrival import DAY_NS
from tollkeeper_collector.settings import CollectorSettings
from tollkeeper_collector.sql import sql_app
from tollkeeper_collector.store import StoreUnavailable
from tollkeeper_collector.store.clickhouse import ClickHouseStore, open_store
from tollkeeper_collector.tally import SIGNALS, Tally

SYSTEM_KEY: Final = "TOLLKEEPER_SYSTEM_KEY"
SUMMING_ENDS_S: Final = 5.0  # a run that is cut off leaves no mark and is done again


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the collector is told from outside: settings, its folder, secrets, where to speak."""

    settings: CollectorSettings
    data: Path
    environment: Environment
    log: Log

    @property
    def system_key(self) -> str:
        """The key our own components share, "" when there is none."""
        return self.environment.get(SYSTEM_KEY) or ""


class CollectorApp:
    """One collector; opened and closed inside a running event loop."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        settings = around.settings.collector
        self.tally = Tally()
        self.keys = KeyStore(around.settings.control.url)
        self.store: ClickHouseStore = open_store(around.settings.storage.url)
        self.journal = Journal(
            around.data / "journal", JournalLimits(total_bytes=settings.journal_bytes)
        )
        self._doorkeeper = Doorkeeper(self.keys, around.system_key, believe_s=settings.key_cache_s)
        self.intake = Intake(self.journal, self.tally, self._rules(), limits=self._limits())
        self.inserter = self._inserter()
        self._rollups = Rollups(self.store.engine)
        self._leaving = Event()
        self._summing = Thread(target=self._sum, name="rollups", daemon=True)
        answered: Counter[int] = Counter()
        self._probes = Probes(
            self.intake, self.journal, self.inserter, self.tally, answered, settings.journal_bytes
        )
        self.receiver = Receiver(
            self.intake,
            self._doorkeeper,
            self._pages(),
            around.log,
            settings.body_timeout_s,
            answered,
        )

    async def open(self) -> None:
        """Start storing and summing; raises ConfigError when the store must not be touched.

        A store that is away is no reason to wait: telemetry is journalled until it comes back.
        """
        try:
            await asyncio.to_thread(migrate_control, self._around.settings.control.url)
        except ControlUnreachable as failure:
            self._around.log.warning("keys cannot be checked", error=str(failure))
        try:
            await asyncio.to_thread(self._prepare_store)
            self.inserter.prepared.set()
        except StoreUnavailable as failure:
            self._around.log.warning("store unavailable", error=str(failure))
        for number, rows in self.journal.waiting().items():
            self.tally.add("recovered", SIGNALS[number], rows)
        self.intake.recall(self.journal.digests())
        self.inserter.start()
        self._summing.start()

    def connections(self) -> ConnectionFactory:
        """Return what answers on the OTLP port."""
        return ConnectionFactory(
            self.receiver.handle, head_timeout_s=self._around.settings.collector.head_timeout_s
        )

    def grpc_server(self) -> grpc.aio.Server:
        """Return the gRPC server, bound to nothing yet."""
        exporter = Exporter(self.intake, self._doorkeeper, self._around.log)
        return make_server(exporter, self._around.settings.collector.max_body_bytes)

    def sql_app(self) -> web.Application:
        """Return what answers on the SQL port."""
        return sql_app(self.store.engine, self._doorkeeper)

    def stop_being_ready(self) -> None:
        """Tell probes that this process is about to leave."""
        self._probes.draining = True

    async def close(self) -> None:
        """Store what is journalled, within its time, and let go of everything."""
        drain_s = self._around.settings.collector.drain_s
        self._leaving.set()
        await asyncio.to_thread(self.inserter.close, drain_s)
        await asyncio.to_thread(self.journal.close)
        await asyncio.to_thread(self._summing.join, SUMMING_ENDS_S)
        self.intake.close()
        self.store.close()
        self.keys.close()

    def _rules(self) -> Rules:
        settings = self._around.settings
        return Rules(settings.content.store, settings.storage.spans_days * DAY_NS)

    def _limits(self) -> IntakeLimits:
        settings = self._around.settings.collector
        return IntakeLimits(
            settings.max_body_bytes, settings.max_requests, settings.max_in_flight_bytes
        )

    def _inserter(self) -> Inserter:
        settings = self._around.settings.collector
        return Inserter(
            self.journal,
            self.store,
            dead_letters=DeadLetters(self._around.data / "dead-letter"),
            tally=self.tally,
            log=self._around.log,
            prepare=self._prepare_store,
            pace=Pace(max_rows=settings.block_rows, gather_s=settings.gather_s),
        )

    def _sum(self) -> None:
        while not self.inserter.prepared.wait(1.0):
            if self._leaving.is_set():
                return
        self._rollups.run_until(self._leaving, every_s=self._around.settings.collector.rollup_s)

    def _prepare_store(self) -> None:
        settings = self._around.settings
        retention = Retention(
            content_days=settings.content.retention_days,
            spans_days=settings.storage.spans_days,
            calls_days=settings.storage.calls_days,
        )
        migrate(self.store.engine, retention)

    def _pages(self) -> Mapping[str, Page]:
        return {
            "/livez": self._probes.livez,
            "/readyz": self._probes.readyz,
            "/healthz": self._probes.healthz,
            "/metrics": self._probes.metrics,
        }
