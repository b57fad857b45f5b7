"""Hyperscan behind one call: patterns in, the places where one of them ends out.

One database for all patterns, scanned once per text in time linear in its length. Each thread has
its own scratch space, as the library demands.
"""

import threading
from collections.abc import Sequence
from typing import Final

import hyperscan

_FLAGS: Final = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_DOTALL | hyperscan.HS_FLAG_MULTILINE


class Scanner:
    """A compiled set of patterns over ASCII text, case-insensitive.

    Patterns Hyperscan cannot decide alone (they look around) are used as prefilters: they may
    report places where nothing is, never fewer.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._database = hyperscan.Database()
        self._database.compile(
            expressions=[pattern.encode("ascii") for pattern in patterns],
            ids=list(range(len(patterns))),
            elements=len(patterns),
            flags=[_FLAGS | _needed(pattern) for pattern in patterns],
        )
        self._local = threading.local()

    def scan(self, text: str) -> list[tuple[int, int]]:
        """Return (pattern's number, end of a match) in order of the ends."""
        found: list[tuple[int, int]] = []

        def note(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append((number, end))

        self._database.scan(text.encode("ascii"), match_event_handler=note, scratch=self._scratch())
        return found

    def _scratch(self) -> hyperscan.Scratch:
        scratch = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = hyperscan.Scratch(self._database)
        return scratch


def _needed(pattern: str) -> int:
    """Return the prefilter flag for a pattern that looks around."""
    looks_around = any(sign in pattern for sign in ("(?=", "(?!", "(?<=", "(?<!"))
    return int(hyperscan.HS_FLAG_PREFILTER) if looks_around else 0
