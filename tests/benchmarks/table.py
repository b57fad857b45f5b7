"""Rows in, a plain text table out."""

import sys
from collections.abc import Sequence
from statistics import median


def rendered(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with a title; the first column is left-aligned, figures right-aligned."""
    widths = [max(len(row[at]) for row in [columns, *rows]) for at in range(len(columns))]
    lines = [_line(row, widths) for row in [columns, *rows]]
    return "\n".join([title, lines[0], "  ".join("-" * width for width in widths), *lines[1:], ""])


def say(text: str) -> None:
    """Put a line on standard output at once, so that a long run shows how far it is."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def spread(values: Sequence[float], form: str = "{:,.0f}") -> str:
    """Return the median, with the smallest and the largest when there are several."""
    middle = form.format(median(values))
    if len(values) < 2:
        return middle
    return f"{middle} [{form.format(min(values))}-{form.format(max(values))}]"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(width) if at == 0 else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join([first, *rest]).rstrip()
