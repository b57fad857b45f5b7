"""What is asked of the ledger and what it answers: values only, money in nano-dollars."""

from dataclasses import dataclass
from typing import NamedTuple

from tollkeeper.pricing import Usage

LARGEST_NANOUSD = 2**60  # a billion dollars; sums of a few stay whole numbers in SQLite


class LedgerDown(Exception):
    """The store cannot be written: nobody knows what is left to spend."""


class Account(NamedTuple):
    """One budget in one window of time, such as ``key:k1`` in ``2026-08``.

    A tuple because it is a dictionary's key on the hot path, and tuples hash in C.
    """

    name: str
    window: str


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """The one terminal record of a dispatched request; ``cost`` None means nobody knows."""

    request_id: str
    key_id: str
    tenant_id: str
    provider: str
    model: str
    outcome: str
    usage: Usage | None = None
    cost_nanousd: int | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Hold ``amount`` if it fits, else whatever is left, but never less than ``minimum``.

    The hold is given back by itself ``lease_s`` seconds later when nobody settles it; ``line`` is
    then the terminal record of its request.
    """

    reservation_id: str
    account: Account
    line: LedgerLine
    limit_nanousd: int
    amount_nanousd: int
    minimum_nanousd: int
    lease_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.minimum_nanousd <= self.amount_nanousd <= LARGEST_NANOUSD:
            raise ValueError("a reservation needs 0 <= minimum <= amount, and a sane amount")


@dataclass(frozen=True, slots=True)
class Granted:
    """The hold stands; ``remaining`` is what others may still take."""

    granted_nanousd: int
    remaining_nanousd: int


@dataclass(frozen=True, slots=True)
class Denied:
    """The budget cannot hold it: what is spent, and what other open requests hold."""

    spent_nanousd: int
    held_nanousd: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """Close a hold with what it really cost; 0 gives it back, no line when never dispatched.

    ``charge`` None is for a request that was sent and of which nothing else is known: it costs all
    that was held.

    Without such a hold nothing is charged and only the line is written; a second one under the
    same id changes nothing. So the id must be ours and unique, never the caller's; ids that
    ascend with time keep the ledger's lines in order on disk.
    """

    reservation_id: str
    charge_nanousd: int | None = 0
    line: LedgerLine | None = None

    def __post_init__(self) -> None:
        if self.charge_nanousd is not None and not 0 <= self.charge_nanousd <= LARGEST_NANOUSD:
            raise ValueError("a charge is neither negative nor beyond all sense")


@dataclass(frozen=True, slots=True)
class Balance:
    """Where an account stands."""

    spent_nanousd: int = 0
    held_nanousd: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """A reservation in the books; an expired one is remembered to charge a late settlement."""

    account: Account
    line: LedgerLine
    amount_nanousd: int
    expires_at_s: float
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Posting:
    """A ledger line as booked: what was reserved and charged, and whether that went as planned."""

    line_id: str
    line: LedgerLine
    reserved_nanousd: int = 0
    charged_nanousd: int = 0
    remark: str = ""  # "", "overrun", "late", "unheld": charged without a hold, so not at all
