from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_collector.journal.mark import Mark, MarkFile


def reopened(path: Path) -> Mark:
    file = MarkFile(path)
    mark = file.mark
    file.close()
    return mark


def test_a_new_mark_is_at_the_beginning(tmp_path: Path) -> None:
    assert reopened(tmp_path / "mark") == Mark(0, 0)


@pytest.mark.parametrize("writes", [1, 2, 3, 10])
def test_the_last_mark_is_found_again(tmp_path: Path, writes: int) -> None:
    file = MarkFile(tmp_path / "mark")
    for number in range(1, writes + 1):
        file.write(Mark(number, number + 5), durable=number % 2 == 0)
    file.close()
    assert reopened(tmp_path / "mark") == Mark(writes, writes + 5)


@given(torn=st.integers(0, 8191), writes=st.integers(2, 5), value=st.integers(0, 255))
def test_a_torn_slot_leaves_one_of_the_last_two(
    tmp_path_factory: pytest.TempPathFactory, torn: int, writes: int, value: int
) -> None:
    path = tmp_path_factory.mktemp("mark") / "mark"
    file = MarkFile(path)
    for number in range(1, writes + 1):
        file.write(Mark(number, number), durable=False)
    file.close()
    content = bytearray(path.read_bytes())
    content[torn] = value
    path.write_bytes(content)
    assert reopened(path).stored in (writes, writes - 1)


@pytest.mark.parametrize("content", [b"", b"\x00" * 10, b"garbage" * 2000])
def test_a_file_that_is_no_mark_starts_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mark").write_bytes(content)
    assert reopened(tmp_path / "mark") == Mark(0, 0)
