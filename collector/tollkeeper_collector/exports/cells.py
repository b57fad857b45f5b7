"""Values as cells: pure functions from what the SQL port returns to what a file holds.

A spreadsheet runs a cell that begins with = + - or @, also behind blanks, quotes and line ends and
in full width. Text like that gets an apostrophe in front, the one prefix that is no part of such a
beginning itself; numbers come from typed columns and are left alone.
"""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

# OWASP "CSV Injection" and CVE-2021-41270: TAB and CR begin a formula too.
# Apostrophes may stand before any of it, or one put in front could not be told from the text's own.
RISKY: Final = re.compile(r"'*[\t\r\n]|[\s'\"\x00]*[=+\-@\uff1d\uff0b\uff0d\uff20]")


def guarded(text: str) -> str:
    """Return text that no spreadsheet runs."""
    return f"'{text}" if RISKY.match(text) else text


def unguarded(cell: str) -> str:
    """Return what ``guarded`` was given."""
    rest = cell.removeprefix("'")
    return rest if rest != cell and RISKY.match(rest) else cell


def instant(value: datetime) -> str:
    """Return an ISO 8601 instant in UTC, always with microseconds."""
    return (
        value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    )


def money(value: Decimal | None) -> str | None:
    """Return exact decimals, never an exponent; None where nobody knows the price."""
    return None if value is None else f"{value:f}"


def listed(values: list[str]) -> str:
    """Return a list of texts as JSON on one line."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
