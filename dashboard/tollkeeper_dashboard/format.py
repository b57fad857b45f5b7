"""Numbers out of the store as people read them: money, tokens, durations, shares. Pure.

Money stays a Decimal up to here and is never shown as more or less exact than it is.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

UNKNOWN: Final = "unknown"
_THOUSAND: Final = 1_000
_SUFFIXES: Final = ("", "k", "M", "B", "T")
_CENT: Final = Decimal("0.01")
_SMALLEST: Final = Decimal("0.000001")
# Up to which value, in nanoseconds, a unit is used, and with how many decimal places.
_UNITS: Final = (
    (0.9995e6, 1e3, 0, "µs"),
    (9.95e6, 1e6, 1, "ms"),
    (999.5e6, 1e6, 0, "ms"),
    (59.995e9, 1e9, 2, "s"),
)
_MARKDOWN: Final = frozenset("\\`*_{}[]()#+-.!|<>$:~&")


def money(usd: Decimal | None) -> str:
    """Return dollars: cents from one dollar on, four significant digits below, never a false 0."""
    if usd is None:
        return UNKNOWN
    if usd == 0:
        return "$0.00"
    size = abs(usd)
    if size < _SMALLEST:
        return "<$0.000001"
    if size >= 1:
        return f"{'-' if usd < 0 else ''}${size.quantize(_CENT, ROUND_HALF_EVEN):,f}"
    places = min(6, 3 - size.adjusted())
    shown = size.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    digits = f"{shown:f}".rstrip("0")
    whole, _, fraction = digits.partition(".")
    return f"{'-' if usd < 0 else ''}${whole}.{fraction.ljust(2, '0')}"


def exact_money(usd: Decimal | None) -> str:
    """Return every digit of an amount."""
    if usd is None:
        return UNKNOWN
    text = f"{usd.normalize():f}"
    whole, _, fraction = text.partition(".")
    return f"${whole}.{fraction.ljust(2, '0')}"


def count(number: int) -> str:
    """Return a whole number with its thousands apart."""
    return f"{number:,}"


def short_count(number: int) -> str:
    """Return a number in at most three digits and a suffix: 999, 1.23k, 45.6M."""
    size, value = 0, float(number)
    while abs(value) >= 999.5 and size < len(_SUFFIXES) - 1:
        value /= _THOUSAND
        size += 1
    if size == 0:
        return str(number)
    places = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:.{places}f}{_SUFFIXES[size]}"


def duration(nanoseconds: float | None) -> str:
    """Return a time in the unit that fits: µs, ms, s, min or h; an em dash for none."""
    if nanoseconds is None:
        return "—"
    for below_ns, unit_ns, places, unit in _UNITS:
        if nanoseconds < below_ns:
            return f"{nanoseconds / unit_ns:.{places}f} {unit}"
    minutes, seconds = divmod(round(nanoseconds / 1e9), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def share(part: int, whole: int) -> str:
    """Return a part in percent; an em dash of nothing, and no rounding to none or all."""
    if whole == 0:
        return "—"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "<0.1 %"
    if 99.9 < percent < 100:
        return ">99.9 %"
    return f"{percent:.1f} %" if 0 < percent < 100 else f"{percent:.0f} %"


def inert(text: str) -> str:
    """Return text that a place which reads Markdown shows as it is: no links, no pictures."""
    flat = " ".join(text.split())
    return "".join(f"\\{c}" if c in _MARKDOWN else c for c in flat)
