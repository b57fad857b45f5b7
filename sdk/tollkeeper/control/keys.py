"""Virtual keys in the control store: made, found by digest, listed, revoked.

The plain key leaves ``create`` once and is stored nowhere; only its digest is looked up. When the
store cannot be asked every method raises ControlUnreachable, so that nobody gets in by accident.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, cast, get_args

from sqlalchemy import Row, and_, insert, or_, select, update

from tollkeeper.control.engine import open_engine, parse, reachable
from tollkeeper.control.tables import KEYS
from tollkeeper.errors import KeyUnclear, UseError
from tollkeeper.keys import PREFIX, Identity, Role, digest, mint, shown

BudgetPeriod = Literal["day", "month", "total"]
KeyRole = Literal["member", "viewer", "admin"]  # the system's own key is no row
NAME: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,100}")
TENANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known of a key; never the key itself. Times are in UTC."""

    key_id: str
    name: str
    shown_prefix: str
    tenant_id: str
    role: Role
    budget_nanousd: int | None
    budget_period: BudgetPeriod
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_live(self, at: datetime) -> bool:
        expired = self.expires_at is not None and self.expires_at <= at
        return self.revoked_at is None and not expired


def utc_now() -> datetime:
    return datetime.now(UTC)


class KeyStore:
    """The keys behind one control URL; safe to share between threads.

    ``tollkeeper.control.schema.migrate(url)`` must have run once; asking creates nothing.
    """

    def __init__(self, url: str, *, now: Callable[[], datetime] = utc_now) -> None:
        self._url = parse(url)
        self._engine = open_engine(self._url)
        self._now = now

    def create(  # one per column that a caller chooses
        self,
        name: str,
        *,
        tenant_id: str = "default",
        role: Role = "member",
        budget_nanousd: int | None = None,
        budget_period: BudgetPeriod = "month",
        expires_at: datetime | None = None,
    ) -> tuple[str, KeyRecord]:
        """Store a new key and return it, in plain text this once, with its record."""
        key = mint()
        record = KeyRecord(
            key_id=uuid.uuid4().hex,
            name=name,
            shown_prefix=shown(key),
            tenant_id=tenant_id,
            role=role,
            budget_nanousd=budget_nanousd,
            budget_period=budget_period,
            created_at=self._now(),
            expires_at=expires_at,
            revoked_at=None,
        )
        _check(record)
        with reachable(self._url), self._engine.execution_options(writes=True).begin() as store:
            store.execute(insert(KEYS).values(digest=digest(key), **_columns(record)))
        return key, record

    def find(self, key_digest: str) -> Identity | None:
        """Return whom a digest belongs to; None when unknown, revoked or expired."""
        with reachable(self._url), self._engine.connect() as store:
            row = store.execute(select(KEYS).where(KEYS.c.digest == key_digest)).one_or_none()
        if row is None:
            return None
        record = _record(row)
        if not record.is_live(self._now()):
            return None
        return Identity(
            key_id=record.key_id,
            key_name=record.name,
            tenant_id=record.tenant_id,
            role=record.role,
            budget_nanousd=record.budget_nanousd,
            budget_period=record.budget_period,
        )

    def list(self) -> list[KeyRecord]:
        """Return every key, oldest first, revoked ones too."""
        with reachable(self._url), self._engine.connect() as store:
            rows = store.execute(select(KEYS).order_by(KEYS.c.created_at, KEYS.c.id)).all()
        return [_record(row) for row in rows]

    def revoke(self, which: str) -> KeyRecord:
        """Revoke the one live key with this id, name or shown prefix; KeyUnclear otherwise.

        The whole key does as well: whoever found one in the open can end it.
        """
        names = [KEYS.c.id == which, KEYS.c.name == which]
        if which.startswith(PREFIX):
            names += [KEYS.c.shown_prefix == which, KEYS.c.digest == digest(which)]
        meant = or_(*names)
        live = and_(meant, KEYS.c.revoked_at.is_(None))
        with reachable(self._url), self._engine.execution_options(writes=True).begin() as store:
            rows = store.execute(select(KEYS).where(live).with_for_update()).all()
            record = _only([_record(row) for row in rows], which)
            change = update(KEYS).where(KEYS.c.id == record.key_id).values(revoked_at=self._now())
            row = store.execute(change.returning(*KEYS.c)).one()
        return _record(row)

    def close(self) -> None:
        """Give back the connections."""
        self._engine.dispose()


def _only(records: list[KeyRecord], which: str) -> KeyRecord:
    # A whole key may have been pasted: say no more of it than lists do.
    said = shown(which) + "…" if which.startswith(PREFIX) else which
    if not records:
        raise KeyUnclear(f"no live key is called '{said}'")
    if len(records) > 1:
        ids = ", ".join(record.key_id for record in records)
        raise KeyUnclear(f"'{said}' is the name of {len(records)} keys; use an id: {ids}")
    return records[0]


def _check(record: KeyRecord) -> None:
    if not NAME.fullmatch(record.name) or not record.name.strip():
        raise UseError("a key's name has 1 to 100 characters and no control characters")
    if not TENANT.fullmatch(record.tenant_id):
        raise UseError("a tenant is 1 to 64 of A-Z a-z 0-9 _ . - and starts with a letter or digit")
    if record.role not in get_args(KeyRole):
        raise UseError(f"a key's role is one of {', '.join(get_args(KeyRole))}")
    if record.budget_period not in get_args(BudgetPeriod):
        raise UseError(f"a budget's period is one of {', '.join(get_args(BudgetPeriod))}")
    if record.budget_nanousd is not None and not 0 <= record.budget_nanousd < 2**63:
        raise UseError("a budget is zero or more, and below 9.2 billion USD")
    if record.expires_at is not None and record.expires_at <= record.created_at:
        raise UseError("a key cannot have expired before it is made")


def _columns(record: KeyRecord) -> dict[str, object]:
    return {
        "id": record.key_id,
        "name": record.name,
        "shown_prefix": record.shown_prefix,
        "tenant_id": record.tenant_id,
        "role": record.role,
        "budget_limit_nanousd": record.budget_nanousd,
        "budget_period": record.budget_period,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "revoked_at": record.revoked_at,
    }


def _record(row: Row[tuple[object, ...]]) -> KeyRecord:
    found = row._mapping  # noqa: SLF001  # SQLAlchemy's public name for columns by name
    return KeyRecord(
        key_id=found["id"],
        name=found["name"],
        shown_prefix=found["shown_prefix"],
        tenant_id=found["tenant_id"],
        role=cast(Role, found["role"]),
        budget_nanousd=found["budget_limit_nanousd"],
        budget_period=cast(BudgetPeriod, found["budget_period"]),
        created_at=found["created_at"],
        expires_at=found["expires_at"],
        revoked_at=found["revoked_at"],
    )
