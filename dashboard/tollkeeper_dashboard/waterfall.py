"""The spans of a trace as a tree laid flat: who stands under whom, how far in, when. Pure.

Takes spans as they came: late, doubled, without parent or in a circle. Every span is in the result
exactly once.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tollkeeper_dashboard.queries.trace import Span


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the picture; times are relative to the first span of the trace."""

    span: Span
    depth: int
    offset_ns: int


def lines(spans: Sequence[Span]) -> list[Line]:
    """Return the spans in reading order: a parent, then its children by their start."""
    if not spans:
        return []
    first_ns = min(span.start_ns for span in spans)
    children: dict[str, list[Span]] = defaultdict(list)
    known = {span.span_id for span in spans}
    roots: list[Span] = []
    for span in sorted(spans, key=lambda each: (each.start_ns, each.span_id)):
        if span.parent_id in known and span.parent_id != span.span_id:
            children[span.parent_id].append(span)
        else:
            roots.append(span)
    placed = list(_walk(roots, children, set()))
    seen = {line.span_id for line, _ in placed}
    left = [span for span in spans if span.span_id not in seen]  # circles have no root
    placed += _walk(left, children, seen)
    return [Line(span, depth, span.start_ns - first_ns) for span, depth in placed]


def total_ns(spans: Iterable[Span]) -> int:
    """Return how long a trace took, from its first start to its last end."""
    bounds = [(span.start_ns, span.start_ns + span.duration_ns) for span in spans]
    if not bounds:
        return 0
    return max(end for _, end in bounds) - min(start for start, _ in bounds)


def _walk(
    roots: Sequence[Span], children: dict[str, list[Span]], seen: set[str]
) -> Iterator[tuple[Span, int]]:
    """Yield spans depth first, without recursion: a trace may be thousands of levels deep."""
    waiting = [(span, 0) for span in reversed(roots)]
    while waiting:
        span, depth = waiting.pop()
        if span.span_id in seen:
            continue
        seen.add(span.span_id)
        yield span, depth
        waiting += [(child, depth + 1) for child in reversed(children[span.span_id])]
