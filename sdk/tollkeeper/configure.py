"""``configure()``: arguments and environment in, spans flowing out; ``flush`` and ``shutdown``.

The one reader of ``TOLLKEEPER_*`` in an application's process. Importing does nothing; nothing
here raises into the application.
"""

import atexit
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from tollkeeper.installed import INSTALLED, Delivered
from tollkeeper.keys import is_virtual
from tollkeeper.propagation import Origin, hook

CAPTURE_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
# Events are not written, so event_only captures nothing; true is the older, boolean form.
_CAPTURING: Final = frozenset({"true", "1", "span_only", "span_and_event"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment says; OpenTelemetry reads its exporter's variables itself."""

    disabled: bool = False
    api_key: str = ""
    proxy_url: str = ""
    captures_content: bool = False
    has_authorization: bool = False
    queue_size: int = 2_048
    batch_size: int = 512
    delay_ms: int = 5_000

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        headers = variables.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or variables.get(
            "OTEL_EXPORTER_OTLP_HEADERS", ""
        )
        return cls(
            disabled=variables.get("OTEL_SDK_DISABLED", "").strip().lower() == "true",
            api_key=variables.get("TOLLKEEPER_API_KEY", "").strip(),
            proxy_url=_proxy_url(variables),
            captures_content=variables.get(CAPTURE_VARIABLE, "").strip().lower() in _CAPTURING,
            has_authorization="authorization=" in headers.lower().replace(" ", ""),
            queue_size=_positive(variables, "OTEL_BSP_MAX_QUEUE_SIZE", 2_048),
            batch_size=_positive(variables, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512),
            delay_ms=_positive(variables, "OTEL_BSP_SCHEDULE_DELAY", 5_000),
        )


def configure(
    *,
    service_name: str | None = None,
    endpoint: str | None = None,
    api_key: str | None = None,
    proxy_url: str | None = None,
    capture_content: bool | None = None,
    exit_flush_s: float = 5.0,
) -> None:
    """Send the spans of this process to Tollkeeper. Call it once, at the start.

    ``endpoint``: the collector's base URL; default ``OTEL_EXPORTER_OTLP_ENDPOINT``, then
    ``http://localhost:4318``. ``api_key``: a key of ours, sent to that endpoint as
    ``Authorization: Bearer``; default ``TOLLKEEPER_API_KEY``. All other ``OTEL_*`` variables are
    honoured too; arguments win over variables.

    ``proxy_url``: the proxy's base URL, default ``TOLLKEEPER_BASE_URL``. Requests to its origin
    made through httpx, as the official clients make them, carry the open trace, session and user,
    so that the proxy's spans land in the same trace. Without either, ``OPENAI_BASE_URL`` is taken
    for the proxy when ``OPENAI_API_KEY`` is a key of ours or it points to this machine.

    ``capture_content``: whether ``@observe`` stores arguments and results; default
    ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT``, else no.

    A tracer provider that is already there is kept and gets one more processor. Never raises: what
    goes wrong is logged. At exit, waiting spans get at most ``exit_flush_s`` seconds. A process
    that forks (gunicorn) may configure before or after the fork; every child sends its own spans,
    and what a killed process had not sent yet is lost: at most OTEL_BSP_SCHEDULE_DELAY of it.
    """
    environment = Environment.read(os.environ)
    with INSTALLED.lock:
        if INSTALLED.exporting is not None:
            _log.warning("configure() was called again; the first call stands until shutdown()")
            return
        if environment.disabled:
            return
        try:
            _install(environment, service_name, endpoint, api_key, exit_flush_s=exit_flush_s)
            _connect(proxy_url or environment.proxy_url)
        except Exception as error:  # noqa: BLE001 - the application runs without telemetry
            _log.warning("tracing is off: %s", error)
        wanted = capture_content
        INSTALLED.captures_content = environment.captures_content if wanted is None else wanted


def flush(timeout_s: float = 5.0) -> bool:
    """Send what waits; True when all of it is out before ``timeout_s`` is over."""
    exporting = INSTALLED.exporting
    return exporting.flush(timeout_s) if exporting is not None else True


def shutdown(timeout_s: float | None = None) -> None:
    """Send what waits, within the limit, then stop and undo what ``configure()`` hooked."""
    with INSTALLED.lock:
        exporting, INSTALLED.exporting = INSTALLED.exporting, None
        unhook, INSTALLED.unhook = INSTALLED.unhook, None
        INSTALLED.captures_content = False
    atexit.unregister(shutdown)
    if unhook is not None:
        unhook()
    if exporting is not None:
        exporting.close(INSTALLED.exit_flush_s if timeout_s is None else timeout_s)


def delivered() -> Delivered:
    """Return how many spans ended, arrived and were lost since ``configure()``."""
    exporting = INSTALLED.exporting
    return exporting.report() if exporting is not None else Delivered()


def _install(
    environment: Environment,
    service_name: str | None,
    endpoint: str | None,
    api_key: str | None,
    *,
    exit_flush_s: float,
) -> None:
    # The SDK and its exporter weigh 0.15 s: paid by who exports, not by who imports a name.
    from tollkeeper import exporting  # noqa: PLC0415
    from tollkeeper.delivery import Batching  # noqa: PLC0415

    INSTALLED.exporting = exporting.start(
        service_name=service_name,
        endpoint=endpoint,
        headers=_credentials(environment, api_key),
        batching=Batching(
            queue_size=environment.queue_size,
            batch_size=min(environment.batch_size, environment.queue_size),
            delay_s=environment.delay_ms / 1_000,
        ),
        exit_flush_s=exit_flush_s,
    )
    INSTALLED.exit_flush_s = exit_flush_s
    atexit.register(shutdown)


def _connect(proxy_url: str) -> None:
    if not proxy_url:
        return
    origin = Origin.of(proxy_url)
    if origin is None:
        _log.warning("the proxy's URL is not an http or https URL; its calls will not be linked")
        return
    INSTALLED.unhook = hook(origin)


def _credentials(environment: Environment, api_key: str | None) -> dict[str, str]:
    """Our key as a header, unless the environment has credentials of its own for the endpoint."""
    if api_key:
        return {"authorization": f"Bearer {api_key}"}
    if environment.api_key and not environment.has_authorization:
        return {"authorization": f"Bearer {environment.api_key}"}
    return {}


def _proxy_url(variables: Mapping[str, str]) -> str:
    """Return where the proxy is; OPENAI_BASE_URL counts only when it is certainly ours.

    It may as well name a provider, who has no business with our users' names.
    """
    if ours := variables.get("TOLLKEEPER_BASE_URL", "").strip():
        return ours
    url = variables.get("OPENAI_BASE_URL", "").strip()
    origin = Origin.of(url)
    is_ours = is_virtual(variables.get("OPENAI_API_KEY", ""))
    return url if origin is not None and (is_ours or origin.is_loopback) else ""


def _positive(variables: Mapping[str, str], name: str, default: int) -> int:
    try:
        value = int(variables.get(name, "") or default)
    except ValueError:
        value = 0
    if value <= 0:
        _log.warning("%s is not a positive number; %d is used", name, default)
        return default
    return value
