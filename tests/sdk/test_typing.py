"""What a type checker sees of a decorated function is what it saw before."""

import subprocess
import sys
from pathlib import Path

SAMPLE = """
from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from tollkeeper import observe


@observe
def plain(a: int, *, b: str = "x") -> str:
    return b * a


@observe(name="n", as_type="tool", capture_input=True)
async def coroutine(a: int) -> list[int]:
    return [a]


@observe
def generator() -> Iterator[int]:
    yield 1


@observe()
async def stream() -> AsyncIterator[str]:
    yield "a"


class Shop:
    @observe
    def method(self, item: str) -> bytes:
        return item.encode()


async def use() -> None:
    assert_type(plain(1, b="y"), str)
    assert_type(await coroutine(1), list[int])
    assert_type(generator(), Iterator[int])
    assert_type([s async for s in stream()], list[str])
    assert_type(Shop().method("a"), bytes)
"""
MISTAKES = """
from tollkeeper import observe


@observe
def plain(a: int) -> str:
    return str(a)


plain("no")
plain(1).missing()
observe(as_type="wizard")
"""
ROOT = Path(__file__).parents[2]


def checked(tmp_path: Path, source: str) -> subprocess.CompletedProcess[str]:
    sample = tmp_path / "sample.py"
    sample.write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", str(sample)],
        cwd=ROOT,
        env={"MYPYPATH": str(ROOT / "sdk"), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_decorated_functions_keep_their_types(tmp_path: Path) -> None:
    done = checked(tmp_path, SAMPLE)
    assert done.returncode == 0, done.stdout


def test_mistakes_are_still_found(tmp_path: Path) -> None:
    done = checked(tmp_path, MISTAKES)
    assert done.stdout.count(": error:") == 3, done.stdout
    for code in ("[arg-type]", "[attr-defined]", "[call-overload]"):
        assert code in done.stdout
