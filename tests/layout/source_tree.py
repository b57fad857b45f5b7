"""The product's modules as values: name, file, syntax tree; and who imports whom."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.equipment.places import REPOSITORY

# folder -> import package
PACKAGES: Final = {
    "sdk": "tollkeeper",
    "proxy": "tollkeeper_proxy",
    "collector": "tollkeeper_collector",
    "dashboard": "tollkeeper_dashboard",
}


@dataclass(frozen=True, slots=True)
class Module:
    """One module of the product."""

    name: str
    file: Path
    component: str
    tree: ast.Module

    @property
    def place(self) -> str:
        """Return its path as people write it."""
        return self.file.relative_to(REPOSITORY).as_posix()

    @property
    def is_package(self) -> bool:
        return self.file.name == "__init__.py"

    def line_count(self) -> int:
        return self.file.read_text().count("\n")


@cache
def modules() -> tuple[Module, ...]:
    """Return every module of the four packages, in order."""
    return tuple(_find_modules())


def _find_modules() -> Iterator[Module]:
    for component, package in PACKAGES.items():
        root = REPOSITORY / component
        for file in sorted((root / package).rglob("*.py")):
            parts = list(file.relative_to(root).with_suffix("").parts)
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            yield Module(name, file, component, ast.parse(file.read_text(), str(file)))


def imports_of(module: Module, known: frozenset[str]) -> frozenset[str]:
    """Return the product modules a module imports anywhere in it, functions included."""
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = names & known
            found |= submodules
            if submodules != names:
                found.add(node.module)
    return frozenset((found & known) - {module.name})


def import_graph() -> dict[str, frozenset[str]]:
    known = frozenset(module.name for module in modules())
    return {module.name: imports_of(module, known) for module in modules()}


def cycles(graph: Mapping[str, frozenset[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one node, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []
    for start in graph:
        if start in index:
            continue
        work: list[tuple[str, Iterator[str]]] = [(start, iter(sorted(graph[start])))]
        index[start] = low[start] = len(index)
        stack.append(start)
        while work:
            node, targets = work[-1]
            target = next(targets, None)
            if target is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component = stack[stack.index(node) :]
                    del stack[stack.index(node) :]
                    if len(component) > 1:
                        found.append(sorted(component))
            elif target not in index:
                index[target] = low[target] = len(index)
                stack.append(target)
                work.append((target, iter(sorted(graph[target]))))
            elif target in stack:
                low[node] = min(low[node], index[target])
    return found


def functions_of(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
