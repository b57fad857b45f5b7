"""Where a text may be cut without cutting through anything a recogniser could find. Pure.

No entity contains a line end, a quote, an angle bracket or CJK punctuation, and none reaches over
a blank that follows a plain word. Between two such cuts lies a stretch: it can be searched alone.
A stretch longer than ``LONGEST`` characters is cut anyway, around what is found there.
"""

import regex

LONGEST = 1024  # no e-mail address (320), card, SSN or phone number (70) comes near it
MARGIN = 256  # how much of an overlong stretch must have been seen beyond a forced cut
LOOK_BACK = 65  # characters before a blank that decide whether it is a cut

_ALWAYS = '\n"<>\u3001\u3002\uff01\uff0c\uff1b\uff1f'  # the last six end CJK phrases
# What makes a word one that a phone number could run through or start in: digits, brackets, plus
# signs, and the labels of extensions (x, ext, int, anexo and Russian "dob"), in any width.
_RISKY = r"\d(\[+xX\uff08\uff3b\uff0b\uff58\uff38"
_LABELS = "int|\uff49\uff4e\uff54|\u0434\u043e\u0431"
_INSIDE = rf"[^ {_ALWAYS}]"
_PLAIN_WORD = (
    rf"(?<!{_INSIDE})(?={_INSIDE}*\p{{L}})[^ {_ALWAYS}{_RISKY}]{{1,64}}"
    rf"(?<!(?:{_LABELS})\W*)(?= )"
)
_CUT = regex.compile(rf"[{_ALWAYS}]|{_PLAIN_WORD}", regex.IGNORECASE)


def first_cut(text: str, at: int) -> int:
    """Return the first cut at or after a position, the text's end when there is none."""
    for match in _CUT.finditer(text, max(0, at - LOOK_BACK)):
        if match.end() >= at:
            return int(match.end())
    return len(text)


def last_cut(text: str, before: int, *, lowest: int = 0) -> int:
    """Return the last cut in (``lowest``, ``before``], else ``lowest``."""
    span = 256
    while True:
        floor = max(lowest, before - span)
        found = lowest
        for match in _CUT.finditer(text, max(0, floor - LOOK_BACK), min(len(text), before + 1)):
            if lowest < match.end() <= before:
                found = int(match.end())
        if found > lowest or floor <= lowest:
            return found
        span *= 4
