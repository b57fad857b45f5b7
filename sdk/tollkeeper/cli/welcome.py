"""What ``tollkeeper up`` shows when all is ready: what runs where, and a line to try."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from rich.table import Table

from tollkeeper.supervisor.first_run import Secrets

EXAMPLE: Final = '{"model": "demo/echo", "messages": [{"role": "user", "content": "hello"}]}'
LOOPBACK: Final = "127.0.0.1"
ANY: Final = {"0.0.0.0": LOOPBACK, "::": "[::1]", "": LOOPBACK}  # shown, not bound


def table(ports: Mapping[str, int], hosts: Mapping[str, str], data: Path, shown: Secrets) -> Table:
    """Return the start-up table."""
    found = Table("what", "where", box=None, title="Tollkeeper is ready", title_justify="left")
    for what, where in _rows(ports, hosts):
        found.add_row(what, where)
    if shown.password:
        found.add_row("dashboard password", f"{shown.password}  (shown this once)")
    found.add_row("data and logs", f"{data}, {data / 'logs'}")
    return found


def example(ports: Mapping[str, int], hosts: Mapping[str, str], shown: Secrets) -> str:
    """Return a command that works as it stands; with a placeholder where the key is not known."""
    if "proxy" not in ports:
        return ""
    key = shown.key or "$TOLLKEEPER_API_KEY"
    return (
        f"curl {_base(ports, hosts, 'proxy')}/v1/chat/completions"
        f' -H "Authorization: Bearer {key}" -H "Content-Type: application/json"'
        f" -d '{EXAMPLE}'"
    )


def _rows(ports: Mapping[str, int], hosts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    urls = {
        "proxy": ("proxy", "{}/v1"),
        "dashboard": ("dashboard", "{}"),
        "otlp": ("OTLP over HTTP", "{}"),
        "otlp_grpc": ("OTLP over gRPC", "{}"),
        "sql": ("SQL (ClickHouse HTTP)", "{}"),
    }
    for name, (what, pattern) in urls.items():
        if name in ports:
            yield what, pattern.format(_base(ports, hosts, name))


def _base(ports: Mapping[str, int], hosts: Mapping[str, str], name: str) -> str:
    host = hosts.get(name, LOOPBACK)
    host = ANY.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{ports[name]}"
