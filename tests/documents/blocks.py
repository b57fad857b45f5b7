"""A document's code blocks as values: what is to be run, and what it is said to print."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FENCE: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT: Final = "$ "
ANYTHING: Final = "…"


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language and text, and the line its text begins at."""

    language: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a console block and what a reader is told it prints."""

    command: str
    printed: str
    line: int

    def prints(self, output: str) -> bool:
        """Tell whether an output is the one told; ``…`` stands for anything."""
        return matches(self.printed, output)


def blocks(file: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a document, in order."""
    text = file.read_text()
    for match in FENCE.finditer(text):
        yield Block(match.group(1), match.group(2), text.count("\n", 0, match.start(2)) + 1)


def steps(block: Block) -> Iterator[Step]:
    """Yield the commands of a console block; a command's further lines are indented."""
    command: list[str] = []
    printed: list[str] = []
    line = block.line
    for number, text in enumerate(block.text.splitlines()):
        if text.startswith(PROMPT):
            if command:
                yield Step("\n".join(command), "\n".join(printed), line)
            command, printed, line = [text.removeprefix(PROMPT)], [], block.line + number
        elif not printed and text.startswith("    ") and command:
            command.append(text)
        else:
            printed.append(text)
    if command:
        yield Step("\n".join(command), "\n".join(printed), line)


def matches(printed: str, output: str) -> bool:
    """Compare, counting any blanks for one and those at a line's ends for none."""
    pattern = ".*?".join(re.escape(part) for part in _tidy(printed).split(ANYTHING))
    return re.fullmatch(pattern, _tidy(output), re.DOTALL) is not None


def _tidy(text: str) -> str:
    return "\n".join(re.sub(r"[ \t]+", " ", line).strip() for line in text.strip().splitlines())
