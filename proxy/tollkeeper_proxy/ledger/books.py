"""The rules of the ledger, pure: balances and holds in, grants and changes out.

One ``Books`` is the working set of one transaction. Its promise: no grant ever makes
``spent + held`` of an account exceed the limit it was asked under.
"""

from collections.abc import Mapping
from dataclasses import replace

from tollkeeper_proxy.ledger.entries import (
    Account,
    Ask,
    Balance,
    Denied,
    Granted,
    Hold,
    LedgerLine,
    Posting,
    Settlement,
)

_NOTHING = Balance()


class Books:
    """The accounts and holds a transaction touches, and what it changed of them."""

    def __init__(self, balances: Mapping[Account, Balance], holds: Mapping[str, Hold]) -> None:
        self._balances = dict(balances)
        self._holds = dict(holds)
        self.changed_accounts: set[Account] = set()
        self.changed_holds: set[str] = set()
        self.postings: list[Posting] = []

    def balance(self, account: Account) -> Balance:
        return self._balances.get(account, _NOTHING)

    def hold(self, reservation_id: str) -> Hold | None:
        return self._holds.get(reservation_id)

    def reserve(self, ask: Ask, now_s: float) -> Granted | Denied:
        """Hold what fits; asking twice under one id holds once."""
        balance = self.balance(ask.account)
        available = ask.limit_nanousd - balance.spent_nanousd - balance.held_nanousd
        known = self._holds.get(ask.reservation_id)
        if known is not None and not known.expired:
            return Granted(known.amount_nanousd, max(available, 0))
        granted = min(ask.amount_nanousd, available)
        if granted < ask.minimum_nanousd or available < 0:
            return Denied(balance.spent_nanousd, balance.held_nanousd)
        self._put(ask.reservation_id, Hold(ask.account, ask.line, granted, now_s + ask.lease_s))
        self._move(ask.account, held=granted)
        return Granted(granted, available - granted)

    def settle(self, settlement: Settlement) -> None:
        """Close a hold; a second settlement, or one of an unknown id, charges nothing."""
        hold = self._holds.get(settlement.reservation_id)
        if hold is not None:
            self._close(settlement, hold)
        elif settlement.line is not None:
            remark = "unheld" if settlement.charge_nanousd else ""
            self._post(settlement.reservation_id, settlement.line, remark=remark)

    def expire(self, reservation_id: str, now_s: float) -> None:
        """Give back a hold whose lease has run out; its request counts as lost."""
        hold = self._holds.get(reservation_id)
        if hold is None or hold.expired or hold.expires_at_s > now_s:
            return
        self._put(reservation_id, replace(hold, expired=True))
        self._move(hold.account, held=-hold.amount_nanousd)
        self._post(reservation_id, hold.line, reserved=hold.amount_nanousd)

    def _close(self, settlement: Settlement, hold: Hold) -> None:
        charge = settlement.charge_nanousd
        charge = hold.amount_nanousd if charge is None else charge
        released = 0 if hold.expired else hold.amount_nanousd
        self._move(hold.account, spent=charge, held=-released)
        del self._holds[settlement.reservation_id]
        self.changed_holds.add(settlement.reservation_id)
        if settlement.line is not None:
            remark = "overrun" if charge > hold.amount_nanousd else ""
            remark = "late" if hold.expired else remark
            self._post(
                settlement.reservation_id,
                settlement.line,
                reserved=hold.amount_nanousd,
                charged=charge,
                remark=remark,
            )

    def _post(
        self,
        line_id: str,
        line: LedgerLine,
        *,
        reserved: int = 0,
        charged: int = 0,
        remark: str = "",
    ) -> None:
        self.postings.append(Posting(line_id, line, reserved, charged, remark))

    def _put(self, reservation_id: str, hold: Hold) -> None:
        self._holds[reservation_id] = hold
        self.changed_holds.add(reservation_id)

    def _move(self, account: Account, *, spent: int = 0, held: int = 0) -> None:
        balance = self.balance(account)
        self._balances[account] = Balance(
            balance.spent_nanousd + spent, balance.held_nanousd + held
        )
        self.changed_accounts.add(account)
