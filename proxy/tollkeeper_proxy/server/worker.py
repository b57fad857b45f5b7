"""One worker's life: settings read, port bound, readiness told, requests served, then drained."""

import asyncio
import gc
import signal
import socket

import uvloop

from tollkeeper.config import Environment, Flags, read_settings
from tollkeeper.errors import ConfigError
from tollkeeper.log_bridge import lead_logging_into
from tollkeeper.logs import open_log
from tollkeeper.readiness import report_ready
from tollkeeper_proxy.app import ProxyApp, Surroundings
from tollkeeper_proxy.settings import ProxySettings

FAREWELL_S = 1.0  # to tell callers whose answers are cut; who does not read it is cut off
BACKLOG = 1024  # connections the kernel holds for us in a burst; nginx uses 511


def run_worker(environment: Environment, flags: Flags) -> None:
    """Serve until SIGTERM or SIGINT; raises ``ConfigError`` when it cannot begin to."""
    settings, places = read_settings(ProxySettings, environment, flags=flags)
    worker = int(environment.get("TOLLKEEPER_WORKER") or 0)
    log = open_log("proxy")
    lead_logging_into(log)
    try:
        around = Surroundings(settings, places, environment, worker, log)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(around))
    finally:
        log.close()


async def _serve(around: Surroundings) -> None:
    app = ProxyApp(around)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await app.open()
    _settle_memory()
    try:
        listener = _bind(around.settings.server.host, around.settings.server.port)
        server = await loop.create_server(app.connections, sock=listener, backlog=BACKLOG)
        port = listener.getsockname()[1]
        report_ready(around.places.data, f"proxy-{around.worker}", {"proxy": port})
        around.log.info("ready", port=port, worker=around.worker)
        await stop.wait()
        around.log.info("draining", worker=around.worker)
        app.stop_being_ready()
        server.close()
        app.connections.pre_shutdown()
        drain_s = around.settings.server.drain_s
        loop.call_later(drain_s, app.closing.call)
        await app.connections.shutdown(drain_s + FAREWELL_S)
    finally:
        await app.close()


def _settle_memory() -> None:
    """Spare the garbage collector what lives as long as the process, and let it come seldom.

    Requests make many objects and few cycles; Python's own thresholds (700, 10, 10) look for them
    every few requests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # workers share the port
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"server: cannot listen at host {host}, port {port}: {error.strerror}"
        ) from None
    listener.setblocking(False)
    return listener
