"""One recogniser per entity: the patterns that make a candidate, and the verdict on a stretch.

The verdict is Presidio's own (its patterns, its checksums, its phone number library), but for the
shortest phone numbers.
"""

from collections.abc import Iterator
from typing import Final, Protocol

import phonenumbers
import regex

from tollkeeper_proxy.pii import presidio
from tollkeeper_proxy.pii.findings import Match
from tollkeeper_proxy.pii.views import skeleton

_SIGNS: Final = r"[-x ()\[\]./~]{0,4}"
# Presidio takes house numbers and post codes for phone numbers of four to six digits; not one of
# those in the recorded corpora is one, so seven digits are asked for here.
PHONE_CANDIDATE: Final = rf"[0-9](?:{_SIGNS}[0-9]){{6}}"


class Recogniser(Protocol):
    """Finds one entity."""

    @property
    def entity(self) -> str: ...

    @property
    def candidates(self) -> tuple[str, ...]:
        """Patterns one of which ends within every text this recogniser would match."""
        ...

    def matches(self, text: str, start: int) -> Iterator[Match]:
        """Yield what is found from ``start`` on; what stands before is only context."""
        ...


def recogniser_of(entity: str) -> Recogniser:
    """Return the recogniser of an entity; raises KeyError for an unknown one."""
    if entity == PhoneNumbers.entity:
        return PhoneNumbers(presidio.phone_recogniser())
    return PatternMatches(entity, presidio.pattern_recogniser(entity))


class PatternMatches:
    """A Presidio recogniser made of patterns and a check."""

    def __init__(self, entity: str, recogniser: presidio.PatternRecogniser) -> None:
        self.entity = entity
        self._recogniser = recogniser
        self.candidates = tuple(pattern.regex for pattern in recogniser.patterns)
        self._patterns = [
            (regex.compile(pattern.regex, recogniser.global_regex_flags), pattern.score)
            for pattern in recogniser.patterns
        ]

    def matches(self, text: str, start: int) -> Iterator[Match]:
        for pattern, score in self._patterns:
            for match in pattern.finditer(text, start):
                verdict = self._score(match.group(), score)
                if verdict > 0:
                    yield Match(match.start(), match.end(), self.entity, verdict)

    def _score(self, passage: str, score: float) -> float:
        """Score a passage as Presidio does: a check that speaks outweighs the pattern."""
        if not passage or self._recogniser.invalidate_result(passage):
            return 0.0
        valid = self._recogniser.validate_result(passage)
        return score if valid is None else float(valid)


class PhoneNumbers:
    """Phone numbers of Presidio's regions, by the library it uses."""

    entity = "PHONE_NUMBER"
    candidates = (PHONE_CANDIDATE,)

    def __init__(self, recogniser: presidio.PhoneRecogniser) -> None:
        self._regions = tuple(recogniser.supported_regions)
        self._leniency = recogniser.leniency
        self._score = recogniser.SCORE
        self._long_enough = regex.compile(PHONE_CANDIDATE, regex.IGNORECASE)

    def matches(self, text: str, start: int) -> Iterator[Match]:
        spans = {
            (match.start, match.end)
            for region in self._regions
            for match in phonenumbers.PhoneNumberMatcher(text, region, leniency=self._leniency)
        }
        for begin, end in sorted(spans):
            if begin >= start and self._long_enough.search(skeleton(text[begin:end])):
                yield Match(begin, end, self.entity, self._score)
