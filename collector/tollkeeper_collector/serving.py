"""The collector's life: settings read, ports bound, readiness told, requests served, drained."""

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import uvloop
from aiohttp import web

from tollkeeper.config import Environment, Flags, read_settings
from tollkeeper.errors import UseError
from tollkeeper.logs import open_log
from tollkeeper.readiness import report_ready
from tollkeeper_collector.app import CollectorApp, Surroundings
from tollkeeper_collector.settings import CollectorSettings

BACKLOG: Final = 1024  # connections the kernel holds for us in a burst
OPEN_ANSWERS_S: Final = 5.0  # an accepted request is answered within one sync of the disk


def run_collector(environment: Environment, flags: Flags) -> None:
    """Serve until SIGTERM or SIGINT; raises UseError when it cannot begin."""
    settings, places = read_settings(CollectorSettings, environment, flags=flags)
    log = open_log("collector")
    try:
        around = Surroundings(settings, places.data, environment, log)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(around))
    finally:
        log.close()


async def _serve(around: Surroundings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        app = CollectorApp(around)
    except OSError as error:
        raise UseError(f"the data folder cannot be used: {error}") from error
    await app.open()
    _settle_memory()
    async with AsyncExitStack() as parts:
        parts.push_async_callback(app.close)
        ports = {
            "sql": await parts.enter_async_context(_sql_port(app, around)),
            "otlp": await parts.enter_async_context(_otlp_port(app, around)),
            "otlp_grpc": await parts.enter_async_context(_grpc_port(app, around)),
        }
        report_ready(around.data, "collector", ports)
        around.log.info("ready", **ports)
        await stop.wait()
        around.log.info("draining", waiting=app.journal.waiting().total())
        app.stop_being_ready()


@asynccontextmanager
async def _otlp_port(app: CollectorApp, around: Surroundings) -> AsyncIterator[int]:
    settings = around.settings.collector
    connections = app.connections()
    listener = _bind(settings.host, settings.otlp_port)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connections, sock=listener, backlog=BACKLOG)
    yield listener.getsockname()[1]
    server.close()
    connections.pre_shutdown()
    await connections.shutdown(OPEN_ANSWERS_S)


@asynccontextmanager
async def _grpc_port(app: CollectorApp, around: Surroundings) -> AsyncIterator[int]:
    settings = around.settings.collector
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    server = app.grpc_server()
    try:
        port = server.add_insecure_port(f"{host}:{settings.otlp_grpc_port}")
    except RuntimeError as error:
        raise UseError(f"{host}:{settings.otlp_grpc_port} cannot be bound") from error
    await server.start()
    yield port
    await server.stop(OPEN_ANSWERS_S)


@asynccontextmanager
async def _sql_port(app: CollectorApp, around: Surroundings) -> AsyncIterator[int]:
    settings = around.settings.collector
    runner = web.AppRunner(app.sql_app(), access_log=None, shutdown_timeout=OPEN_ANSWERS_S)
    await runner.setup()
    listener = _bind(settings.host, settings.sql_port)
    await web.SockSite(runner, listener, backlog=BACKLOG).start()
    yield listener.getsockname()[1]
    await runner.cleanup()


def _settle_memory() -> None:
    """Let the garbage collector come seldom: a request makes many objects and hardly a cycle."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UseError(f"{host}:{port} cannot be bound: {error.strerror}") from error
    listener.setblocking(False)
    return listener
