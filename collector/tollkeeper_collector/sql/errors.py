"""Refusals in ClickHouse's own words: code, name and HTTP status as a server gives them.

Codes are those of ClickHouse's ErrorCodes.cpp, so that every driver knows what to make of them.
"""

import re
from typing import Final

from clickhouse_connect.driver.exceptions import Error

TRUNCATED_AT: Final = 2000  # characters of an engine's message that are passed on
MESSAGE: Final = re.compile(r"Code: (\d+)\.\s*(?:DB::Exception: )?(.*)", re.DOTALL)
NAME: Final = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")
TRAILER: Final = re.compile(
    r"\s*(?:\([A-Z][A-Z0-9_]+\))?\s*(?:\(version [^()]*\))?\s*(?:\(for url .*)?$"
)

STATUSES: Final = {
    6: 400, 36: 400, 43: 400, 53: 400, 62: 400, 69: 400, 179: 400, 215: 400, 306: 400, 457: 400,
    46: 404, 47: 404, 50: 404, 60: 404, 63: 404, 73: 404, 81: 404, 115: 404,
    48: 501, 159: 408, 160: 408, 164: 403, 202: 503, 223: 413, 241: 500, 396: 400,
    456: 400, 497: 403, 516: 403, 999: 503,
}  # fmt: skip


class SqlError(Exception):
    """A statement or a caller that is refused, or what the engine said of it."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
        self.message = message

    @property
    def status(self) -> int:
        return STATUSES.get(self.code, 500)

    def text(self, version: str) -> str:
        """Return the body a ClickHouse server would send."""
        return (
            f"Code: {self.code}. DB::Exception: {self.message} ({self.name}) (version {version})\n"
        )


def denied(message: str) -> SqlError:
    return SqlError(497, "ACCESS_DENIED", message)


def read_only(message: str) -> SqlError:
    return SqlError(164, "READONLY", message)


def bad_request(message: str) -> SqlError:
    return SqlError(36, "BAD_ARGUMENTS", message)


def unauthenticated(message: str) -> SqlError:
    return SqlError(516, "AUTHENTICATION_FAILED", message)


class KeyMissing(SqlError):
    """No key came with the request: the one refusal that asks for one."""

    def __init__(self) -> None:
        super().__init__(516, "AUTHENTICATION_FAILED", "no key was given: send a bearer token")

    @property
    def status(self) -> int:
        return 401


def busy(message: str) -> SqlError:
    return SqlError(202, "TOO_MANY_SIMULTANEOUS_QUERIES", message)


def from_engine(failure: Error) -> SqlError:
    """Return what the engine said, without the address and the version the driver adds."""
    if MESSAGE.search(str(failure)) is None:
        return SqlError(failure.code or 999, "UNAVAILABLE", "the store cannot be asked now")
    return from_text(str(failure))


def from_text(text: str) -> SqlError:
    """Return an error from the text a server or a driver gives it."""
    match = MESSAGE.search(text)
    if match is None:
        return SqlError(999, "UNAVAILABLE", "the store said nothing that can be understood")
    said = match.group(2).strip()
    names = NAME.findall(said)
    message = TRAILER.sub("", said)[:TRUNCATED_AT]
    return SqlError(int(match.group(1)), names[-1] if names else "UNKNOWN_EXCEPTION", message)
