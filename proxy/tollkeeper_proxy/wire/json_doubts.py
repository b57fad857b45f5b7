"""Whether JSON's bytes say to every parser what they said to ours.

A key that stands twice is read by some as the first and by others as the last; integers beyond 64
bits are read by some as they stand and by others as the nearest float. Cheap enough for every
request: no second parse.
"""

import re
from dataclasses import dataclass
from typing import Final

MANY_QUOTES: Final = 200_000  # beyond it looking closely would cost much more memory than parsing

_LONG: Final = re.compile(rb"[0-9]{19}")
_INTEGER: Final = re.compile(rb"(?<![0-9.eE+-])-?[0-9]{19,}(?![0-9.eE])")
_CONTAINERS: Final = frozenset({dict, list})


@dataclass(frozen=True, slots=True)
class Doubts:
    """What may be read differently; ``repeats_a_key`` also where that is too long to tell."""

    too_deep: bool
    repeats_a_key: bool
    has_huge_integer: bool


def doubts_of(body: bytes, document: object, *, max_depth: int) -> Doubts:
    """Return what is doubtful about ``body``, of which our parser made ``document``."""
    depth, pairs = _extent(document, max_depth)
    if body.count(b'"') > MANY_QUOTES:
        return Doubts(depth > max_depth, repeats_a_key=True, has_huge_integer=False)
    structure = _structure(body)
    return Doubts(
        too_deep=depth > max_depth,
        repeats_a_key=structure.count(b":") != pairs,
        has_huge_integer=_LONG.search(structure) is not None and _is_huge(structure),
    )


def _structure(body: bytes) -> bytes:
    """Return the bytes of a document without those of its strings."""
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(body.split(b'"')[::2])


def _is_huge(structure: bytes) -> bool:
    return any(not -(2**63) <= int(each) < 2**64 for each in _INTEGER.findall(structure))


def _extent(document: object, limit: int) -> tuple[int, int]:
    """Return a document's depth, at most one beyond the limit, and how many keys it holds."""
    depth = pairs = 0
    level = [document]
    while level and depth <= limit:
        depth += 1
        below: list[object] = []
        for node in level:
            if isinstance(node, dict):
                pairs += len(node)
                below += [value for value in node.values() if type(value) in _CONTAINERS]
            elif isinstance(node, list):
                below += [value for value in node if type(value) in _CONTAINERS]
        level = below
    return depth, pairs
