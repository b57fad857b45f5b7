"""The vocabulary module in, the page of every attribute name out."""

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.equipment.places import REPOSITORY
from tests.layout.reference.markdown import code, page, table

VOCABULARY: Final = REPOSITORY / "sdk" / "tollkeeper" / "semconv.py"
CONSTANT: Final = re.compile(r'^([A-Z_]+): Final = "([^"]+)"(?:\s+# (.*))?$')
LEAD: Final = """Attribute names on spans, resources and log records, as `tollkeeper.semconv` spells
them. GenAI names are those of the OpenTelemetry conventions v1.41.1; ours begin with `tollkeeper.`.
A name that ends in a dot is followed by a name of the caller's or of a policy."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One constant of the vocabulary, under the heading it stands below."""

    heading: str
    constant: str
    name: str
    note: str


def text() -> str:
    """Return the page."""
    by_heading: dict[str, list[Attribute]] = {}
    for attribute in attributes():
        by_heading.setdefault(attribute.heading, []).append(attribute)
    parts: list[str] = []
    for heading, group in by_heading.items():
        rows = [[code(each.name), code(each.constant), each.note] for each in group]
        parts += [f"## {heading}", table(["name", "constant", "note"], rows)]
    return page("Span attributes", LEAD, parts)


def attributes() -> Iterator[Attribute]:
    """Yield every constant of the vocabulary in its order."""
    heading = "General"
    source = VOCABULARY.read_text()
    comments = {
        token.start[0]: token.string.removeprefix("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and token.start[1] == 0
    }
    for number, line in enumerate(source.splitlines(), 1):
        if number in comments:
            heading = comments[number]
        elif match := CONSTANT.match(line):
            yield Attribute(heading, match[1], match[2], match[3] or "")
