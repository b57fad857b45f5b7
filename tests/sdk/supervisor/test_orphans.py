import subprocess
import sys
import time

import pytest
from tests.equipment.supervised import WITHIN_S, is_running

PARENT = """
import subprocess, sys
from tollkeeper.supervisor.orphans import ends_with_parent
child = subprocess.Popen(
    [sys.executable, "-S", "-E", "-c", "print('up', flush=True); import signal; signal.pause()"],
    stdout=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=ends_with_parent(),
)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""
TOO_LATE = """
import os, sys
from tollkeeper.supervisor.orphans import ends_with_parent
prepare = ends_with_parent()
reader, writer = os.pipe()
if os.fork() == 0:
    # Its parent is not who asked: as when that one was killed before the child got so far.
    if os.fork() == 0:
        prepare()
        os.write(writer, b"went on")
        os._exit(0)
    os.wait()
    os._exit(0)
os.wait()
os.close(writer)
sys.stdout.write(os.read(reader, 100).decode() or "ended")
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux")


def test_a_child_ends_when_its_parent_is_killed() -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    until = time.monotonic() + WITHIN_S
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.01)
    assert not is_running(pid)


def test_a_child_whose_parent_is_already_gone_does_not_go_on() -> None:
    done = subprocess.run([sys.executable, "-c", TOO_LATE], capture_output=True, check=True)
    assert done.stdout == b"ended"
