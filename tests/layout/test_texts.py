"""What is in the repository speaks of the project alone: no machine, no registry, no secret."""

import re
import subprocess
from typing import Final

import pytest
from tests.equipment.places import REPOSITORY

# Written in two pieces so that this file does not name what it looks for.
MACHINE_PATHS: Final = re.compile(
    r"/wor" r"k/|/hom" r"e/[a-z]|/Use" r"rs/[a-z]|(?<![\w.])/roo" r"t/|/tm" r"p/[a-z]{2}"
)
REGISTRIES: Final = re.compile(
    r"pypi\.o"
    r"rg|pythonh"
    r"osted|npmj"
    r"s\.|docker\.i"
    r"o/|ghcr\.i"
    r"o|quay\.i"
    r"o|crates\.i"
    r"o"
)
SECRETS: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n|AKIA[0-9A-Z]{16}|ghp_[A-Za-z0-9]{36}"
    r"|\bsk-(?:proj-|ant-)?[A-Za-z0-9]{32,}|\btk-[A-Za-z0-9_-]{43}\b"
)
# What tests of masking use: nobody's key counts up or repeats itself.
MADE_UP: Final = re.compile(r"abcdef|ABCDEF|012345|123456|(.)\1{5}|(.{2,6})\2{3}")
OTHER_WORDS: Final = re.compile(r"(?i)\bissues show\b|\bclaude code\b|\banthropic session\b")
BINARY: Final = frozenset({".png", ".ico", ".gz", ".parquet", ".woff2", ".pb"})


def tracked_texts() -> list[tuple[str, str]]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    names = listed.stdout.decode().split("\0")[:-1]
    files = [(name, REPOSITORY / name) for name in names]
    return [
        (name, file.read_text("utf-8", "replace"))
        for name, file in files
        if file.is_file() and file.suffix not in BINARY
    ]


@pytest.mark.parametrize(
    "pattern",
    [MACHINE_PATHS, REGISTRIES, SECRETS, OTHER_WORDS],
    ids=["path", "host", "secret", "word"],
)
def test_no_tracked_file_names(pattern: re.Pattern[str]) -> None:
    found = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()[:60]}"
        for name, text in tracked_texts()
        for match in pattern.finditer(text)
        if not (pattern is SECRETS and MADE_UP.search(match.group()))
    ]
    assert not found


def test_pins_are_exact_and_without_addresses() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text().split("\n")
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9._-]*==[\w.+!-]+", pin) for pin in pins)
    assert pins == sorted(pins)
