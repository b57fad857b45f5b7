"""Who imports whom: no cycles, no relative imports, nothing imported late without a reason."""

import ast
import re
from typing import Final

from tests.equipment.places import REPOSITORY
from tests.layout.source_tree import cycles, functions_of, import_graph, modules

EXCEPTION: Final = re.compile(r"# (noqa|type: ignore)\b")
WITH_WORDS: Final = re.compile(r"# (noqa|type: ignore)(\[[^\]]*\])?(: ?[A-Z0-9, ]+)?\s+(#|-)\s*\w")
NEAR_LINES: Final = 5  # a reason may stand once above a group of lines


def test_there_is_no_import_cycle_not_even_inside_functions() -> None:
    assert not cycles(import_graph())


def test_the_cycle_check_finds_a_cycle() -> None:
    graph = {
        "a": frozenset({"b"}),
        "b": frozenset({"c"}),
        "c": frozenset({"a", "d"}),
        "d": frozenset[str](),
        "e": frozenset({"d"}),
    }
    assert cycles(graph) == [["a", "b", "c"]]


def test_no_import_is_relative() -> None:
    relative = [
        f"{module.place}:{node.lineno}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative


def test_an_import_inside_a_function_says_why() -> None:
    unexplained = []
    for module in modules():
        lines = module.file.read_text().splitlines()
        for function in functions_of(module):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    near = lines[max(0, node.lineno - 3) : node.lineno]
                    if not any("#" in line for line in near):
                        unexplained.append(f"{module.place}:{node.lineno}")
    assert not unexplained


def test_no_lint_or_type_exception_is_without_a_reason() -> None:
    bare = [
        f"{file.relative_to(REPOSITORY)}:{number + 1}"
        for folder in ("sdk", "proxy", "collector", "dashboard", "tests")
        for file in sorted((REPOSITORY / folder).rglob("*.py"))
        for number in _unexplained(file.read_text().splitlines())
    ]
    assert not bare


def _unexplained(lines: list[str]) -> list[int]:
    return [
        number
        for number, line in enumerate(lines)
        if EXCEPTION.search(line)
        and not WITH_WORDS.search(line)
        and not any("# " in near for near in lines[max(0, number - NEAR_LINES) : number])
    ]
