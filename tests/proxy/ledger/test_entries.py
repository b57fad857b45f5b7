import pytest

from tollkeeper_proxy.ledger.entries import LARGEST_NANOUSD, Account, Ask, LedgerLine, Settlement

LINE = LedgerLine("r1", "k1", "t1", "demo", "echo", "lost")


@pytest.mark.parametrize(
    ("amount", "minimum"), [(-1, -1), (5, 6), (LARGEST_NANOUSD + 1, 0), (5, -1)]
)
def test_no_reservation_can_lend_money(amount: int, minimum: int) -> None:
    with pytest.raises(ValueError, match="reservation"):
        Ask("a", Account("key:k1", "total"), LINE, 10, amount, minimum, 60.0)


@pytest.mark.parametrize("charge", [-1, LARGEST_NANOUSD + 1])
def test_no_charge_can_be_negative_or_beyond_all_sense(charge: int) -> None:
    with pytest.raises(ValueError, match="charge"):
        Settlement("a", charge)


def test_a_charge_may_be_unknown() -> None:
    assert Settlement("a", None).charge_nanousd is None
