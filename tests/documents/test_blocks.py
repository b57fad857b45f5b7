"""The reader of documents, read itself."""

from pathlib import Path

import pytest
from tests.documents.blocks import Block, Step, blocks, matches, steps

CONSOLE = Block(
    "console", '$ first \\\n    --more "a\n    b"\nprinted…\n$ second\n$ third\n  x  y\n', line=10
)


def test_commands_with_their_further_lines_and_what_they_print() -> None:
    assert list(steps(CONSOLE)) == [
        Step('first \\\n    --more "a\n    b"', "printed…", 10),
        Step("second", "", 14),
        Step("third", "  x  y", 15),
    ]


def test_blocks_come_with_language_and_line(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("# Page\n\n```python\nprint(1)\n```\n\ntext\n\n```yaml\na: 1\n```\n")
    assert list(blocks(file)) == [Block("python", "print(1)\n", 4), Block("yaml", "a: 1\n", 10)]


@pytest.mark.parametrize(
    ("printed", "output", "same"),
    [
        ("ready", "ready\r\n", True),
        ("{…}", '{"a": 1}', True),
        ("a\n…\nz", "a\nb\nc\nz", True),
        ("a  b", "a b  ", True),
        ("", "surprise", False),
        ("429", "200", False),
        ("a.c", "abc", False),
    ],
)
def test_what_is_told_is_compared_with_what_is_printed(
    printed: str, output: str, same: bool
) -> None:
    assert matches(printed, output) is same
