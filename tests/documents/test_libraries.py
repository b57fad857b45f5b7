"""Every dependency has its sentence, and nobody's sentence outlives the dependency."""

import re
import tomllib
from collections.abc import Iterator
from typing import Final

from tests.equipment.places import REPOSITORY

LIBRARIES: Final = REPOSITORY / "docs" / "decisions" / "libraries.md"
DISTRIBUTIONS: Final = ("sdk", "proxy", "collector", "dashboard")
ROW: Final = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def declared() -> Iterator[tuple[str, str]]:
    """Yield library and user, as the table writes them: ``orjson``, ``sdk[server]``."""
    for folder in DISTRIBUTIONS:
        project = tomllib.loads((REPOSITORY / folder / "pyproject.toml").read_text())["project"]
        extras = {folder: project["dependencies"]} | {
            f"{folder}[{extra}]": names
            for extra, names in project.get("optional-dependencies", {}).items()
        }
        for user, requirements in extras.items():
            for requirement in requirements:
                name = re.split(r"[\[<>=!~; ]", requirement)[0].lower()
                if not name.startswith("tollkeeper"):
                    yield name, user


def explained() -> set[tuple[str, str]]:
    rows = ROW.findall(LIBRARIES.read_text())
    return {(name, user.strip()) for name, users, *_ in rows for user in users.split(",")}


def test_every_dependency_has_a_line_that_says_who_needs_it_and_why() -> None:
    assert set(declared()) == explained()


def test_every_dependency_is_pinned() -> None:
    pins = {line.split("==")[0] for line in (REPOSITORY / "constraints.txt").read_text().split()}
    assert {name for name, _ in declared()} <= pins


def test_every_line_gives_licence_and_reason() -> None:
    rows = ROW.findall(LIBRARIES.read_text())
    assert all(licence.strip() and len(reason.split()) > 4 for _, _, licence, reason in rows)
