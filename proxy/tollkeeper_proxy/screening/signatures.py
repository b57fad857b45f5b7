"""The list of signatures, compiled: text in, ids of the signatures found in it out.

Disguises of characters are taken off first. Time is linear in the length of the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

from tollkeeper_proxy.pii.scanner import Scanner
from tollkeeper_proxy.pii.views import skeleton, views

_BLANK = r"""(?:[\\s"'*_-]+)"""
_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"'})  # noqa: RUF001 - are meant


@dataclass(frozen=True, slots=True)
class Signature:
    """One known phrase; the family is the part of its id that others may see."""

    signature_id: str
    pattern: str

    @property
    def family(self) -> str:
        return self.signature_id.partition(".")[0]


def read_signatures() -> Iterator[Signature]:
    """Yield the signatures of the list beside this module."""
    text = files(__package__).joinpath("signatures.tsv").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            signature_id, _, pattern = line.partition("\t")
            yield Signature(signature_id, pattern)


class Signatures:
    """The compiled list; safe to use from any thread."""

    def __init__(self) -> None:
        self.all = tuple(read_signatures())
        self._scanner = Scanner([re.sub(" ", _BLANK, each.pattern) for each in self.all])

    def find(self, text: str) -> list[Signature]:
        """Return the signatures found, each once, in the order of the list."""
        bare = views(text)[-1].text
        numbers = {number for number, _ in self._scanner.scan(skeleton(bare.translate(_QUOTES)))}
        return [self.all[number] for number in sorted(numbers)]
