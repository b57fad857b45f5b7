"""Probes answer plainly and at once."""

import pytest
from tests.proxy.exchanges import exchange
from tests.proxy.routes.sinks import RememberingSink

from tollkeeper_proxy.routes.probes import Metrics, Probe


@pytest.mark.parametrize(
    ("ready", "status", "body"), [(True, 200, b"ok\n"), (False, 503, b"not ready\n")]
)
async def test_a_probe_says_whether(ready: bool, status: int, body: bytes) -> None:
    sink = RememberingSink()
    await Probe(lambda: ready).serve(exchange(), b"", sink)
    assert (sink.status, sink.body) == (status, body)
    assert sink.headers["cache-control"] == "no-store"


async def test_metrics_are_prometheus_text() -> None:
    sink = RememberingSink()
    await Metrics(lambda: b"# HELP x\n").serve(exchange(), b"", sink)
    assert sink.body == b"# HELP x\n"
    assert sink.headers["content-type"].startswith("text/plain; version=0.0.4")
