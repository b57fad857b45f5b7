"""What is measured: the upstream itself, nginx in front of it, and our proxy in its settings."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.processes import GATEWAY_CPU, pinned
from tests.benchmarks.servers import MODEL, Server, nginx_binary, reverse_proxy, upstream
from tests.benchmarks.table import say
from tests.equipment.own_key import with_budget
from tests.equipment.proxy_process import ProxyProcess
from tests.equipment.stack import NotReady

ROUTE: Final = "/v1/chat/completions"
NO_TEXT_POLICIES: Final[dict[str, Any]] = {
    "policies": {"pii": {"mode": "off"}, "injection": {"mode": "off"}},
    "content": {"store": "off"},
}
EVERYTHING: Final[dict[str, Any]] = {
    "policies": {"pii": {"mode": "mask"}, "injection": {"mode": "detect"}},
    "content": {"store": "redacted"},
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing under load: where, how it is addressed, and the process that pays for it."""

    name: str
    port: int
    pid: int | None
    json_path: str = f"/json{ROUTE}"
    sse_path: str = f"/sse{ROUTE}"
    json_model: str = MODEL
    sse_model: str = MODEL
    headers: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def candidates(folder: Path) -> Iterator[list[Candidate]]:
    """Start everything that can be started here; what cannot is named and left out."""
    with ExitStack() as running:
        if nginx_binary() is None:
            yield []
            return
        target = running.enter_context(upstream(folder / "target"))
        floor = running.enter_context(reverse_proxy(folder / "floor", target))
        found = [
            Candidate("direct", target.port, None),
            Candidate("nginx", floor.port, floor.process.pid),
        ]
        for name, settings, budget in (
            ("keys + spans", NO_TEXT_POLICIES, {}),
            ("+ budget, pii, injection", EVERYTHING, with_budget(10**15)),
        ):
            proxy = ProxyProcess(
                folder / str(len(found)),
                _settings(target, settings),
                key_options=budget,
                prefix=pinned(GATEWAY_CPU, ()),
            )
            try:
                running.enter_context(proxy)
            except NotReady as error:
                say(f"{name}: cannot be started, left out: {error}")
                continue
            found.append(_of(name, proxy))
        yield found


def _settings(target: Server, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with one provider for whole answers and one for streams."""
    origin = f"http://127.0.0.1:{target.port}"
    return {
        "providers": {
            "openai": {"base_url": f"{origin}/json/v1", "api_key": "bench"},
            "openrouter": {"base_url": f"{origin}/sse/v1", "api_key": "bench"},
        },
        "telemetry": {"otlp": [origin]},
        **more,
    }


def _of(name: str, proxy: ProxyProcess) -> Candidate:
    return Candidate(
        name,
        proxy.port,
        proxy.pid,
        json_path=ROUTE,
        sse_path=ROUTE,
        json_model=f"openai/{MODEL}",
        sse_model=f"openrouter/openai/{MODEL}",
        headers={"Authorization": f"Bearer {proxy.key}"},
    )
