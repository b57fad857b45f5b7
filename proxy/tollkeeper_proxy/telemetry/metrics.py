"""What ``/metrics`` shows: GenAI client metrics by the conventions, and what our own parts count.

Names and buckets are those of the OpenTelemetry GenAI conventions v1.41.1 in Prometheus form.
Labels come from a bounded set: never a user, a session or a model name a caller made up.
"""

from collections.abc import Callable
from typing import Final, TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tollkeeper_proxy.exchange import Exchange

DURATION_BUCKETS_S: Final = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
)  # fmt: skip
TOKEN_BUCKETS: Final = tuple(4**n for n in range(14))  # 1 … 67,108,864

Metric = TypeVar("Metric", Counter, Histogram)


class ProxyMetrics:
    """One worker's metrics."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._children: dict[tuple[int, tuple[str, ...]], Counter | Histogram] = {}
        labels = ["gen_ai_operation_name", "gen_ai_provider_name"]
        self._duration = Histogram(
            "gen_ai_client_operation_duration_seconds",
            "Time from the request's head to the answer's last byte.",
            [*labels, "error_type"],
            buckets=DURATION_BUCKETS_S,
            registry=self._registry,
        )
        self._tokens = Histogram(
            "gen_ai_client_token_usage",
            "Tokens of a call, where the provider reported them.",
            [*labels, "gen_ai_token_type"],
            buckets=TOKEN_BUCKETS,
            registry=self._registry,
        )
        self._requests = Counter(
            "tollkeeper_requests",
            "Requests by how they ended.",
            ["outcome"],
            registry=self._registry,
        )
        self._cost = Counter(
            "tollkeeper_cost_usd",
            "Dollars spent, where the price is known.",
            registry=self._registry,
        )
        self._unpriced = Counter(
            "tollkeeper_unpriced_calls", "Calls whose cost is not known.", registry=self._registry
        )

    def watch(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """Show a value that another part keeps."""
        Gauge(name, help_text, registry=self._registry).set_function(value)

    def count(self, exchange: Exchange) -> None:
        """Count one ended exchange."""
        self._of(self._requests, exchange.outcome).inc()
        if not exchange.attempts or exchange.target is None:
            return
        provider = exchange.target.provider
        seconds = (exchange.ended_unix_ns - exchange.started_unix_ns) / 1e9
        failed = exchange.outcome if exchange.error_type else ""
        self._of(self._duration, "chat", provider, failed).observe(max(seconds, 0.0))
        usage = exchange.usage
        if usage is not None and usage.source == "provider":
            self._of(self._tokens, "chat", provider, "input").observe(usage.input_tokens)
            self._of(self._tokens, "chat", provider, "output").observe(usage.output_tokens)
        if exchange.cost_nanousd is None:
            self._unpriced.inc()
        else:
            self._cost.inc(exchange.cost_nanousd / 1e9)

    def _of(self, metric: Metric, *labels: str) -> Metric:
        """Return a metric's child for some labels; the library's own look-up is slower."""
        key = (id(metric), labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return cast("Metric", child)

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)
