"""The modules that count in, the page of every metric out.

A metric is found by its shape in the code: a name, then a sentence of help, side by side.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.layout.reference.markdown import code, page, table
from tests.layout.source_tree import modules

NAME: Final = re.compile(r"(tollkeeper|gen_ai)_[a-z0-9_]+")
LEAD: Final = """`GET /metrics` on the proxy and on the collector, in Prometheus' text format. GenAI
names and buckets are those of the OpenTelemetry conventions v1.41.1. No label holds a user, a
session or a name that a caller made up."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric and the component that counts it."""

    name: str
    component: str
    meaning: str


def text() -> str:
    """Return the page."""
    rows = [[code(each.name), each.component, each.meaning] for each in metrics()]
    return page("Metrics", LEAD, [table(["metric", "component", "meaning"], rows)])


def metrics() -> list[Metric]:
    """Return every metric named in the code, by component and name."""
    found = {
        Metric(name, module.component, meaning)
        for module in modules()
        for node in ast.walk(module.tree)
        for name, meaning in _named(node)
    }
    return sorted(found, key=lambda metric: (metric.component, metric.name))


def _named(node: ast.AST) -> Iterator[tuple[str, str]]:
    parts = node.args if isinstance(node, ast.Call) else getattr(node, "elts", [])
    texts = [part.value for part in parts[:2] if isinstance(part, ast.Constant)]
    match texts:
        case [str(name), str(meaning)] if NAME.fullmatch(name) and " " in meaning:
            yield (f"{name}_total" if _is_counter(node) else name), meaning


def _is_counter(node: ast.AST) -> bool:
    """Tell whether the exposition adds ``_total`` to the name, as it does for counters."""
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Counter"
