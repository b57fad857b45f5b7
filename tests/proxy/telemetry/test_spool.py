"""Batches on a real disk: order, bounds, and what a kill leaves behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.equipment.places import REPOSITORY
from tests.proxy.telemetry.spooler import body_of

from tollkeeper_proxy.telemetry.spool import Spool

ROOMY = 1 << 20


def opened(folder: Path, limit_bytes: int = ROOMY) -> Spool:
    spool = Spool(folder, limit_bytes=limit_bytes)
    spool.open()
    return spool


def drained(spool: Spool) -> list[tuple[bytes, int]]:
    taken = []
    while (batch := spool.oldest()) is not None:
        taken.append((batch.body, batch.span_count))
        spool.drop(batch)
    return taken


def test_batches_come_back_in_their_order_with_their_counts(tmp_path: Path) -> None:
    spool = opened(tmp_path / "spool")
    for number in range(12):
        assert spool.put(b"%d" % number, span_count=number)
    assert spool.waiting() == 12
    assert drained(spool) == [(b"%d" % number, number) for number in range(12)]
    assert (spool.waiting(), spool.oldest(), list((tmp_path / "spool").iterdir())) == (0, None, [])


def test_the_next_run_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.put(b"a", 1)
    first.put(b"b", 2)
    second = opened(tmp_path)
    assert second.waiting() == 2
    second.put(b"c", 3)
    assert drained(second) == [(b"a", 1), (b"b", 2), (b"c", 3)]


def test_a_full_spool_keeps_what_it_has_and_turns_the_new_away(tmp_path: Path) -> None:
    spool = opened(tmp_path, limit_bytes=10)
    assert spool.put(b"12345", 1)
    assert spool.put(b"67890", 1)
    assert not spool.put(b"x", 1)
    batch = spool.oldest()
    assert batch is not None
    spool.drop(batch)
    assert spool.put(b"abcde", 1)
    assert [body for body, _ in drained(spool)] == [b"67890", b"abcde"]


def test_the_bound_counts_what_a_former_run_left(tmp_path: Path) -> None:
    opened(tmp_path).put(b"x" * 90, 1)
    spool = opened(tmp_path, limit_bytes=100)
    assert not spool.put(b"y" * 11, 1)
    assert spool.put(b"y" * 10, 1)


def test_no_room_at_all_is_a_no_to_everything(tmp_path: Path) -> None:
    assert not opened(tmp_path, limit_bytes=0).put(b"x", 1)


def test_an_unreadable_file_is_passed_over_counted_and_takes_no_room(tmp_path: Path) -> None:
    spool = opened(tmp_path, limit_bytes=10)
    spool.put(b"12345", 4)
    spool.put(b"67890", 1)
    next(path for path in tmp_path.iterdir() if path.name.startswith("000000000000")).unlink()
    batch = spool.oldest()
    assert batch is not None
    assert batch.body == b"67890"
    assert (spool.waiting(), spool.unreadable_spans) == (1, 4)
    assert spool.put(b"abcde", 1)


@pytest.mark.parametrize("name", ["notes.otlp.json", "12-x.otlp.json", "1-2-3.otlp.json", "a.part"])
def test_a_file_that_is_none_of_ours_keeps_nobody_from_starting(tmp_path: Path, name: str) -> None:
    opened(tmp_path).put(b"a", 1)
    (tmp_path / name).write_bytes(b"?")
    spool = opened(tmp_path)
    spool.put(b"b", 1)
    assert drained(spool) == [(b"a", 1), (b"b", 1)]


def test_a_half_written_batch_of_a_former_run_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "000000000007-1.otlp.part").write_bytes(b"half")
    assert opened(tmp_path).waiting() == 0
    assert list(tmp_path.iterdir()) == []


def test_nobody_else_may_read_what_is_spooled(tmp_path: Path) -> None:
    spool = opened(tmp_path / "spool")
    spool.put(b"a", 1)
    (file,) = (tmp_path / "spool").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_disk_that_takes_nothing_is_a_no_and_leaves_nothing(tmp_path: Path) -> None:
    spool = opened(tmp_path / "spool")
    (tmp_path / "spool").rmdir()
    assert not spool.put(b"a", 1)
    (tmp_path / "spool").mkdir()
    assert spool.put(b"b", 2)
    assert drained(spool) == [(b"b", 2)]


@given(sizes=st.lists(st.integers(1, 40), max_size=12), limit=st.integers(0, 120))
def test_the_bound_holds_whatever_comes(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], limit: int
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool = opened(folder, limit_bytes=limit)
    kept = [size for size in sizes if spool.put(b"x" * size, 1)]
    on_disk = [path.stat().st_size for path in sorted(folder.iterdir())]
    assert on_disk == kept
    assert sum(on_disk) <= limit


def test_a_killed_writer_leaves_whole_batches_only(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.proxy.telemetry.spooler", str(tmp_path)]
    for _ in range(3):
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"going\n"
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    left = [body for body, _ in drained(opened(tmp_path, limit_bytes=1 << 40))]
    assert len(left) >= 3 * 4
    assert all(body == body_of(int(body[:8])) for body in left)
