"""Values in, Markdown out."""

from collections.abc import Iterable, Sequence

NOTICE = "<!-- Written by `python -m tests.layout.reference --write`; edit the code instead. -->"


def page(title: str, lead: str, parts: Iterable[str]) -> str:
    """Return a page: title, the notice of where it comes from, a lead, its parts."""
    return "\n\n".join([f"# {title}", NOTICE, lead, *parts]).strip() + "\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(columns), _row(["---"] * len(columns)), *(_row(row) for row in rows)]
    return "\n".join(lines)


def code(text: object) -> str:
    """Return text as code, also when it holds a backtick; "" stays empty."""
    shown = str(text)
    if not shown:
        return ""
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"
