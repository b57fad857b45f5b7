from pathlib import Path

import pytest

from tollkeeper_proxy.ledger import flush, tables
from tollkeeper_proxy.ledger.flush import WalFile


@pytest.fixture
def flushes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note every fdatasync, which goes through all the same."""
    noted: list[int] = []
    real = flush.os.fdatasync

    def noting(descriptor: int) -> None:
        noted.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(flush.os, "fdatasync", noting)
    return noted


def test_flushes_what_was_marked_once_its_time_has_come(
    tmp_path: Path, flushes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [100.0]
    monkeypatch.setattr(flush.time, "monotonic", lambda: now_s[0])
    connection = tables.connect(tmp_path / "state.db")
    wal = WalFile(tmp_path / "state.db")
    wal.flush_when_due()
    assert flushes == []
    wal.mark_unflushed()
    now_s[0] += flush.INTERVAL_S / 2
    wal.mark_unflushed()
    assert wal.due_in_s() == pytest.approx(flush.INTERVAL_S / 2)
    wal.flush_when_due()
    assert flushes == []
    now_s[0] += flush.INTERVAL_S / 2
    wal.flush_when_due()
    wal.flush_when_due()
    assert len(flushes) == 1
    wal.close()
    connection.close()


def test_a_descriptor_of_its_own_takes_no_lock_from_the_database(tmp_path: Path) -> None:
    connection = tables.connect(tmp_path / "state.db")
    connection.execute("BEGIN IMMEDIATE")
    WalFile(tmp_path / "state.db").close()
    other = tables.connect(tmp_path / "other.db")
    other.execute("ATTACH ? AS state", (str(tmp_path / "state.db"),))
    with pytest.raises(Exception, match="locked"):
        other.execute("DELETE FROM state.budget_accounts")
    other.close()
    connection.close()
