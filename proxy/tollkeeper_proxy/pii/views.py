"""The ways a text is looked at: as it stands, and with disguises taken off. Pure.

A disguise is a full-width or styled character, or an invisible one between two others; taking it
off keeps, for every character, where it stood. Homoglyphs of other alphabets are not disguises.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import regex

# Format characters (zero-width, soft hyphen, tags), fillers and variation selectors.
_INVISIBLE = regex.compile(r"[\p{Cf}\u115F\u1160\u3164\uFFA0\uFE00-\uFE0F\U000E0100-\U000E01EF]")
_WORD = regex.compile(r"\w")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
# What phone numbers are written with beside ASCII, by what it stands for.
_PHONE_SIGNS = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d", "-"),
    **dict.fromkeys("\xa0\xad\u200b\u2060\u3000", " "),
    **dict.fromkeys("\u2053\u223c\uff5e", "~"),
    **dict(zip("\uff0f\uff08\uff09\uff3b\uff3d\uff0e\uff0b", "/()[].+", strict=True)),
}
# Word characters phone numbers are written with as well; an ASCII "x" is both, too.
_WORDLIKE_SIGNS = "\u30fc\uff58\uff38"


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at a text; ``positions`` maps it back, None where it maps onto itself."""

    text: str
    positions: tuple[int, ...] | None = None

    def origin(self, at: int) -> int:
        """Return where the character at a position stood."""
        return at if self.positions is None else self.positions[at]

    def origin_end(self, end: int) -> int:
        """Return the position after the character that stood before ``end``."""
        return end if self.positions is None else self.positions[end - 1] + 1


def views(text: str) -> list[View]:
    """Return the text as it stands and, where that differs, without its disguises."""
    plain = View(text)
    if text.isascii():
        return [plain]
    foreign = "".join(_FOREIGN.findall(text))
    if _INVISIBLE.search(foreign):
        kept = [(at, char) for at, char in enumerate(text) if not _invisible(char)]
        bare = _FOREIGN.sub(_undisguise, "".join(char for _, char in kept))
        return [plain, View(bare, tuple(at for at, _ in kept))]
    if all(_undisguised(char) == char for char in set(foreign)):
        return [plain]
    return [plain, View(_FOREIGN.sub(_undisguise, text))]


def skeleton(text: str) -> str:
    """Return a text of the same length in ASCII, each character replaced by one of its kind.

    Digits stay digits, word characters word characters, and what separates a phone number does so
    still: whatever a pattern finds in the text, it finds at the same place in the skeleton.
    """
    return text if text.isascii() else _FOREIGN.sub(_bones, text)


def _invisible(char: str) -> bool:
    return char > "\x7f" and _INVISIBLE.match(char) is not None


def _undisguise(foreign: re.Match[str]) -> str:
    return "".join(map(_undisguised, foreign.group()))


def _bones(foreign: re.Match[str]) -> str:
    return "".join(map(_bone, foreign.group()))


@lru_cache(maxsize=4096)
def _undisguised(char: str) -> str:
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    sign = _PHONE_SIGNS.get(char)
    folded = unicodedata.normalize("NFKC", char)
    return sign or (folded if len(folded) == 1 else char)


@lru_cache(maxsize=4096)
def _bone(char: str) -> str:
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    if _WORD.match(char):
        return "x" if char in _WORDLIKE_SIGNS else "a"
    return _PHONE_SIGNS.get(char, "\x01")
