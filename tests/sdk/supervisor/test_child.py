import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tollkeeper.supervisor.child import LOG_SIZE_BYTES, Child, ChildSpec, ending
from tollkeeper.supervisor.folder import DataFolder, take


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    taken = take(tmp_path, print)
    yield taken
    taken.close()


def program(source: str, **environment: str) -> ChildSpec:
    return ChildSpec("tried", (sys.executable, "-S", "-E", "-c", source), environment)


def ended(child: Child) -> int:
    assert child.process is not None
    return child.process.wait(30)


def test_a_child_gets_its_environment_and_nothing_else(folder: DataFolder) -> None:
    child = Child(program("import os; print(sorted(os.environ))", ONLY="1"), folder)
    child.start()
    assert ended(child) == 0
    assert "'ONLY'" in child.tail()
    assert "HOME" not in child.tail()


def test_a_child_is_in_a_session_of_its_own(folder: DataFolder) -> None:
    child = Child(program("import os; print(os.getsid(0) == os.getpid())"), folder)
    child.start()
    assert ended(child) == 0
    assert child.tail() == "True"


def test_logs_of_several_starts_follow_each_other(folder: DataFolder) -> None:
    child = Child(program("print('once')"), folder)
    for _ in range(2):
        child.start()
        ended(child)
    assert child.tail() == "once\nonce"


def test_a_log_that_grew_large_is_put_aside(folder: DataFolder) -> None:
    child = Child(program("print('new')"), folder)
    child.log_file.parent.mkdir()
    child.log_file.write_bytes(b"x" * (LOG_SIZE_BYTES + 1))
    child.start()
    ended(child)
    assert child.tail() == "new"
    assert child.log_file.with_name("tried.log.1").stat().st_size == LOG_SIZE_BYTES + 1


def test_the_tail_is_the_last_lines_of_however_large_a_log(folder: DataFolder) -> None:
    child = Child(program("for n in range(20000): print(n)"), folder)
    assert child.tail() == ""
    child.start()
    ended(child)
    assert child.tail(lines=2) == "19998\n19999"


def test_a_report_of_an_earlier_life_does_not_count(folder: DataFolder) -> None:
    report = folder.path / "run" / "tried.json"
    report.parent.mkdir()
    report.write_text('{"pid": 1, "ports": {}}')
    child = Child(program("import signal; signal.pause()"), folder)
    child.start()
    assert not child.look_for_report()
    report.write_text('{"pid": 1, "ports": {"proxy": 7}}')
    assert child.look_for_report()
    assert not child.look_for_report()  # only news count
    child.send(signal.SIGKILL)
    assert ended(child) == -signal.SIGKILL
    child.send(signal.SIGKILL)


@pytest.mark.parametrize(
    ("status", "said"),
    [(0, "exit status 0"), (3, "exit status 3"), (-9, "killed by SIGKILL"), (-63, "signal 63")],
)
def test_how_it_ended_is_said_in_words(status: int, said: str) -> None:
    assert said in ending(status)
