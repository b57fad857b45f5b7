"""Links in the documents lead somewhere: to files that exist, and to headings they have."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.equipment.places import REPOSITORY

LINK: Final = re.compile(r"(?<!\!)\[[^\]]+\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
FENCE: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
# Paths of the tree named in running text: `proxy/tollkeeper_proxy/policies/budget.py`, `docs/x.md`.
NAMED: Final = re.compile(
    r"`((?:sdk|proxy|collector|dashboard|deploy|docs|tests)/[\w./-]+?)`", re.ASCII
)


def documents() -> list[Path]:
    folder = REPOSITORY / "docs"
    written = [file for file in folder.rglob("*.md") if "reference" not in file.parts]
    return [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *sorted(written)]


def links(file: Path) -> Iterator[str]:
    for match in LINK.finditer(FENCE.sub("", file.read_text())):
        yield match.group(1) or match.group(2)


def anchor(heading: str) -> str:
    """Return the anchor a heading gets where Markdown is shown."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return kept.strip().replace(" ", "-")


def test_every_link_leads_to_a_file_and_a_heading_that_exist() -> None:
    broken = []
    for file in documents():
        for link in links(file):
            if link.startswith(("http://", "https://", "mailto:")):
                continue
            path, _, place = link.partition("#")
            target = (file.parent / path).resolve() if path else file
            if not target.exists():
                broken.append(f"{file.relative_to(REPOSITORY)}: {link}")
            elif place and place not in {anchor(h) for h in HEADING.findall(target.read_text())}:
                broken.append(f"{file.relative_to(REPOSITORY)}: {link}: no such heading")
    assert not broken


def test_every_file_named_in_a_document_exists() -> None:
    missing = [
        f"{file.relative_to(REPOSITORY)}: {name}"
        for file in documents()
        for name in NAMED.findall(FENCE.sub("", file.read_text()))
        if not (REPOSITORY / name).exists()
    ]
    assert not missing


def test_decisions_are_numbered_without_gaps_and_short() -> None:
    files = sorted((REPOSITORY / "docs" / "decisions").glob("[0-9]*.md"))
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    assert all(file.read_text().startswith(f"# {int(file.name[:4])}. ") for file in files)
    assert all(file.read_text().count("\n") <= 45 for file in files)
