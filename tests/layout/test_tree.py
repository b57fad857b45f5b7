"""The shape of the house: sizes, names, docstrings, and a test for every module."""

import ast
from pathlib import Path
from typing import Final

from tests.equipment.places import REPOSITORY
from tests.layout.source_tree import Module, functions_of, modules

ASK_AT_LINES: Final = 400
REFUSE_AT_LINES: Final = 600
LONGEST_FUNCTION_LINES: Final = 50
MOST_ENTRIES_IN_A_FOLDER: Final = 24
# Modules over 400 lines, each with the reason it is not two.
LONG_WITH_A_REASON: Final[dict[str, str]] = {}
FORBIDDEN: Final = frozenset(
    {"utils", "util", "helpers", "helper", "common", "core", "misc", "base", "manager", "v2"}
)
WITHOUT_A_TEST: Final = REPOSITORY / "tests" / "layout" / "without_a_test.txt"


def test_no_module_is_long() -> None:
    too_long = {
        module.place: module.line_count()
        for module in modules()
        if module.line_count() > ASK_AT_LINES
        and (module.place not in LONG_WITH_A_REASON or module.line_count() > REFUSE_AT_LINES)
    }
    assert not too_long


def test_no_function_is_long() -> None:
    too_long = [
        f"{module.place}:{function.lineno} {function.name} has {_lines(function)} lines"
        for module in modules()
        for function in functions_of(module)
        if _lines(function) > LONGEST_FUNCTION_LINES
    ]
    assert not too_long


def test_no_module_hides_behind_a_name_that_says_nothing() -> None:
    named = [
        module.place
        for module in modules()
        if FORBIDDEN & {word for part in module.name.split(".") for word in part.split("_")}
    ]
    assert not named


def test_every_module_says_what_it_is_for() -> None:
    silent = [module.place for module in modules() if not ast.get_docstring(module.tree)]
    assert not silent


def test_module_docstrings_are_short() -> None:
    talkative = [
        module.place
        for module in modules()
        if (ast.get_docstring(module.tree) or "").count("\n") >= 12
    ]
    assert not talkative


def test_no_folder_is_crowded() -> None:
    crowded = {
        folder.relative_to(REPOSITORY).as_posix(): count
        for folder, count in _entries().items()
        if count > MOST_ENTRIES_IN_A_FOLDER
    }
    assert not crowded


def test_every_module_has_a_test_where_one_looks_for_it() -> None:
    missing = {module.place for module in modules() if _wants_a_test(module)} - {
        module.place for module in modules() if file_of_test_for(module).is_file()
    }
    excused = set(WITHOUT_A_TEST.read_text().split())
    assert missing <= excused, f"write these tests: {sorted(missing - excused)}"
    assert not excused - missing, f"no longer to be excused: {sorted(excused - missing)}"


def file_of_test_for(module: Module) -> Path:
    inner = module.file.relative_to(REPOSITORY / module.component).parts[1:]
    folder = REPOSITORY / "tests" / module.component / Path(*inner[:-1])
    return folder / f"test_{inner[-1]}"


def _wants_a_test(module: Module) -> bool:
    """Tell whether a module does anything: has a function with a body of its own."""
    if module.file.name in ("__init__.py", "__main__.py"):
        return False
    return any(not _is_stub(function) for function in functions_of(module))


def _is_stub(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    last = function.body[-1]
    return isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant)


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _entries() -> dict[Path, int]:
    counts: dict[Path, int] = {}
    for module in modules():
        folder = module.file.parent if not module.is_package else module.file.parent.parent
        counts[folder] = counts.get(folder, 0) + 1
    return counts
