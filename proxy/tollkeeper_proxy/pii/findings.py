"""What was found in a text: spans with a name, brought into order. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One passage ``text[start:end]`` of personal data, in characters."""

    start: int
    end: int
    entity: str


@dataclass(frozen=True, slots=True)
class Match:
    """What one recogniser says of one passage, with Presidio's score in (0, 1]."""

    start: int
    end: int
    entity: str
    score: float


def settle(matches: Iterable[Match]) -> list[Finding]:
    """Return passages in order that do not overlap and leave no matched character out.

    Where matches overlap the passage covers them all, named after the surest, then the longest.
    """
    ordered = sorted(matches, key=lambda match: (match.start, match.end))
    findings: list[Finding] = []
    group: list[Match] = []
    end = -1
    for match in ordered:
        if group and match.start >= end:
            findings.append(_joined(group, end))
            group, end = [], -1
        group.append(match)
        end = max(end, match.end)
    if group:
        findings.append(_joined(group, end))
    return findings


def replace(text: str, findings: Sequence[Finding]) -> str:
    """Return the text with every finding replaced by its entity's name in brackets."""
    pieces: list[str] = []
    at = 0
    for finding in findings:
        pieces += (text[at : finding.start], f"[{finding.entity}]")
        at = finding.end
    pieces.append(text[at:])
    return "".join(pieces)


def _joined(group: Sequence[Match], end: int) -> Finding:
    surest = max(group, key=lambda match: (match.score, match.end - match.start, match.entity))
    return Finding(group[0].start, end, surest.entity)
