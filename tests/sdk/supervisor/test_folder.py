import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tollkeeper.errors import UseError
from tollkeeper.keys import is_virtual
from tollkeeper.supervisor.folder import read_run_file, take, write_secret

LEFT_BEHIND = """
import sys, time
from pathlib import Path
from tollkeeper.supervisor.folder import take
import os
folder = take(Path(sys.argv[1]), print)
if os.fork():
    os._exit(0)  # the supervisor dies, its child holds on
print("held", flush=True)
sys.stdin.read()
"""


def test_a_folder_has_one_supervisor(tmp_path: Path) -> None:
    folder = take(tmp_path / "data", print)
    with pytest.raises(UseError, match="another 'tollkeeper up' is running"):
        take(tmp_path / "data", print)
    folder.close()
    take(tmp_path / "data", print).close()


def test_what_a_killed_supervisor_left_behind_is_waited_for(tmp_path: Path) -> None:
    left = subprocess.Popen(
        [sys.executable, "-c", LEFT_BEHIND, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert left.stdout is not None
    assert left.stdin is not None
    assert left.stdout.readline() == "held\n"
    left.wait()
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        assert left.stdin is not None
        left.stdin.close()  # only now does it let go

    take(tmp_path, say).close()
    left.stdout.close()
    assert said == [f"waiting for what an earlier run left behind in {tmp_path}"]


def test_a_stale_run_file_is_gone_once_the_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    folder = take(tmp_path, print)
    assert read_run_file(tmp_path) is None
    folder.write_run_file({"proxy": 1}, {"supervisor": 2})
    assert read_run_file(tmp_path) == {"ports": {"proxy": 1}, "pids": {"supervisor": 2}}
    folder.remove_run_file()
    folder.remove_run_file()
    folder.close()


def test_the_system_key_is_made_once_and_private(tmp_path: Path) -> None:
    folder = take(tmp_path, print)
    key = folder.system_key()
    assert is_virtual(key)
    assert folder.system_key() == key
    assert stat.S_IMODE((tmp_path / "system.key").stat().st_mode) == 0o600
    folder.close()


def test_a_secret_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_secret(tmp_path / "s", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_a_file_in_the_place_of_the_folder_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UseError, match="cannot be the data folder"):
        take(tmp_path / "file", print)


def test_what_a_killed_run_left_half_written_is_thrown_away(tmp_path: Path) -> None:
    first = take(tmp_path / "data", lambda _: None)
    (first.temporary / "block-of-prompts").write_text("a secret question")
    first.close()
    second = take(tmp_path / "data", lambda _: None)
    assert list(second.temporary.iterdir()) == []
    assert second.temporary.stat().st_mode & 0o077 == 0
    second.close()
