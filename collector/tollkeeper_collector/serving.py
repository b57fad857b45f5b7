"""The collector's life: settings read, ports bound, readiness told, requests served, drained."""

import asyncio
import gc
import signal
import socket
from typing import Final

import uvloop

from tollkeeper.config import Environment, Flags, read_settings
from tollkeeper.logs import open_log
from tollkeeper.readiness import report_ready
from tollkeeper_collector.app import CollectorApp, Surroundings
from tollkeeper_collector.settings import CollectorSettings

BACKLOG: Final = 1024  # connections the kernel holds for us in a burst
OPEN_ANSWERS_S: Final = 5.0  # an accepted request is answered within one sync of the disk


def run_collector(environment: Environment, flags: Flags) -> None:
    """Serve until SIGTERM or SIGINT; raises ConfigError before anything is bound."""
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
    app = CollectorApp(around)
    try:
        await app.open()
        _settle_memory()
        await _listen(app, around, stop)
    finally:
        await app.close()


async def _listen(app: CollectorApp, around: Surroundings, stop: asyncio.Event) -> None:
    settings = around.settings.collector
    connections = app.connections()
    listener = _bind(settings.host, settings.otlp_port)
    server = await asyncio.get_running_loop().create_server(
        connections, sock=listener, backlog=BACKLOG
    )
    grpc_server = app.grpc_server()
    grpc_port = grpc_server.add_insecure_port(_address(settings.host, settings.otlp_grpc_port))
    await grpc_server.start()
    ports = {"otlp": listener.getsockname()[1], "otlp_grpc": grpc_port}
    report_ready(around.data, "collector", ports)
    around.log.info("ready", **ports)
    await stop.wait()
    around.log.info("draining", waiting=app.journal.waiting().total())
    app.stop_being_ready()
    server.close()
    connections.pre_shutdown()
    await asyncio.gather(grpc_server.stop(OPEN_ANSWERS_S), connections.shutdown(OPEN_ANSWERS_S))


def _settle_memory() -> None:
    """Let the garbage collector come seldom: a request makes many objects and hardly a cycle."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    listener.setblocking(False)
    return listener
