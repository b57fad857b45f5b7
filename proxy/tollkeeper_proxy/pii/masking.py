"""Masks text that arrives in pieces: what comes out, joined, is the masked whole.

Text is held back until a cut that no finding can cross has been seen, so no beginning of one
leaves early; in plain prose that is about one word, never more than ``LONGEST`` characters.
"""

from tollkeeper_proxy.pii.detector import Detector
from tollkeeper_proxy.pii.findings import Finding, replace
from tollkeeper_proxy.pii.stretches import LONGEST, LOOK_BACK, last_cut


class MaskingEditor:
    """Edits one stream of text."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._before = ""  # what left last: the context of what is held
        self._held = ""
        self.replaced = 0

    def feed(self, text: str) -> str:
        """Take a piece, return what may leave."""
        self._held += text
        known = self._before + self._held
        start = len(self._before)
        cut = last_cut(known, len(known), lowest=start)
        out = ""
        if cut > start:
            findings = self._detector.find_between(known, start, cut)
            out = self._release(known, cut, findings)
        while len(self._held) > LONGEST:
            known = self._before + self._held
            cut, findings = self._detector.step(known, len(self._before))
            out += self._release(known, cut, findings)
        return out

    def finish(self) -> str:
        """Return the rest."""
        known = self._before + self._held
        findings = self._detector.find_between(known, len(self._before), len(known))
        return self._release(known, len(known), findings)

    def give_up(self) -> str:
        """Return what is held as it is: for who must go on without a detector."""
        held, self._held = self._held, ""
        return held

    def _release(self, known: str, cut: int, findings: list[Finding]) -> str:
        start = len(self._before)
        shifted = [Finding(f.start - start, f.end - start, f.entity) for f in findings]
        out = replace(known[start:cut], shifted)
        self.replaced += len(findings)
        self._before, self._held = known[max(0, cut - LOOK_BACK) : cut], known[cut:]
        return out
