"""The way in: text in, findings or masked text out.

Hyperscan reads every text once; only the stretches it points at are shown to a recogniser. Safe to
use from any thread. What it finds is a function of the text alone, however it is cut for delivery.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tollkeeper_proxy.pii.findings import Finding, Match, replace, settle
from tollkeeper_proxy.pii.recognisers import Recogniser, recogniser_of
from tollkeeper_proxy.pii.scanner import Scanner
from tollkeeper_proxy.pii.stretches import LONGEST, MARGIN, first_cut, last_cut
from tollkeeper_proxy.pii.views import skeleton, views


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a text, ``text[start:end]``, and the recognisers that should look at it."""

    start: int
    end: int
    owners: frozenset[int]


class Detector:
    """Finds the named entities; raises KeyError for one it does not know."""

    def __init__(self, entities: Sequence[str]) -> None:
        self._recognisers = [recogniser_of(entity) for entity in dict.fromkeys(entities)]
        patterns = [
            (owner, pattern)
            for owner, recogniser in enumerate(self._recognisers)
            for pattern in recogniser.candidates
        ]
        self._owners = [owner for owner, _ in patterns]
        self._scanner = Scanner([pattern for _, pattern in patterns])

    def find(self, text: str) -> list[Finding]:
        """Return the findings in order; they do not overlap."""
        return self.find_between(text, 0, len(text))

    def find_between(self, text: str, start: int, end: int) -> list[Finding]:
        """Return the findings of ``text[start:end]``, both ends being cuts of ``text``."""
        return self.examine(text, list(self._stretches(text, start, end)))

    def suspects(self, text: str) -> list[Stretch]:
        """Return the stretches that hold a candidate, in order: cheap, in linear time."""
        return list(self._stretches(text, 0, len(text)))

    def examine(
        self,
        text: str,
        stretches: Sequence[Stretch],
        *,
        out_of_time: Callable[[], bool] = lambda: False,
    ) -> list[Finding]:
        """Return the findings of some stretches: about half a millisecond for each phone number.

        Raises TimeoutError when ``out_of_time`` says so before the next thousand characters.
        """
        findings: list[Finding] = []
        for stretch in stretches:
            findings += self._search(text, stretch, out_of_time)
        return findings

    def mask(self, text: str) -> tuple[str, int]:
        """Return the text with findings replaced by ``[ENTITY]``, and how many there were."""
        findings = self.find(text)
        return (replace(text, findings), len(findings)) if findings else (text, 0)

    def step(self, text: str, start: int) -> tuple[int, list[Finding]]:
        """Search what is certainly settled of an overlong stretch that begins at ``start``.

        Return where the rest begins and the findings before it. Needs ``LONGEST`` characters.
        """
        findings = self._window(text, start, start + LONGEST, self._recognisers)
        cut = start + LONGEST - MARGIN
        for finding in findings:
            if finding.start < cut < finding.end:
                cut = finding.start if finding.start > start else finding.end
        return cut, [finding for finding in findings if finding.end <= cut]

    def _stretches(self, text: str, first: int, last: int) -> Iterator[Stretch]:
        """Yield the stretches that hold a candidate, and whose candidates they are."""
        start = end = first
        owners: set[int] = set()
        for place, owner in self._candidates(text, first, last):
            if place >= end or not owners:
                if owners:
                    yield Stretch(start, end, frozenset(owners))
                start = last_cut(text, place, lowest=end)
                end = min(first_cut(text, place + 1), last)
                owners = set()
            owners.add(owner)
        if owners:
            yield Stretch(start, end, frozenset(owners))

    def _candidates(self, text: str, first: int, last: int) -> list[tuple[int, int]]:
        """Return (place of a candidate's last character, its recogniser), in order."""
        lead = 1 if first else 0  # for patterns that look one character back
        part = text[first - lead : last]
        found: set[tuple[int, int]] = set()
        for view in views(part):
            for number, end in self._scanner.scan(skeleton(view.text)):
                place = view.origin_end(end) - 1 + first - lead
                found.add((max(place, first), self._owners[number]))
        return sorted(found)

    def _search(
        self, text: str, stretch: Stretch, out_of_time: Callable[[], bool]
    ) -> list[Finding]:
        findings: list[Finding] = []
        start, end = stretch.start, stretch.end
        while end - start > LONGEST:
            if out_of_time():
                break
            start, settled = self.step(text, start)
            findings += settled
        if out_of_time():
            raise TimeoutError("the text takes too long to examine")
        recognisers = [self._recognisers[owner] for owner in sorted(stretch.owners)]
        return findings + self._window(text, start, end, recognisers)

    def _window(
        self, text: str, start: int, end: int, recognisers: Sequence[Recogniser]
    ) -> list[Finding]:
        """Search ``text[start:end]``; the character before it is context."""
        lead = 1 if start else 0
        matches: list[Match] = []
        for view in views(text[start - lead : end]):
            first = 0 if not lead else _first_after_lead(view.positions)
            for recogniser in recognisers:
                for match in recogniser.matches(view.text, first):
                    begin = view.origin(match.start) + start - lead
                    close = view.origin_end(match.end) + start - lead
                    matches.append(Match(begin, close, match.entity, match.score))
        return settle(matches)


def _first_after_lead(positions: tuple[int, ...] | None) -> int:
    return 1 if positions is None or positions[:1] == (0,) else 0
