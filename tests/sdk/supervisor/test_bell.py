import os
import signal
import subprocess
import sys

from tollkeeper.supervisor.bell import Bell


def test_a_wish_to_stop_rings_and_is_counted() -> None:
    with Bell() as bell:
        assert bell.rung == 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
        bell.wait(30)
        assert bell.rung == 3


def test_the_end_of_a_child_wakes_but_is_no_wish_to_stop() -> None:
    with Bell() as bell, subprocess.Popen([sys.executable, "-S", "-c", ""]) as child:
        while child.poll() is None:
            bell.wait(30)
        assert bell.rung == 0


def test_a_signal_before_the_wait_is_not_lost() -> None:
    with Bell() as bell:
        os.kill(os.getpid(), signal.SIGTERM)
        bell.wait(3600)
        assert bell.rung == 1


def test_afterwards_signals_mean_what_they_meant_before() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGCHLD)}
    with Bell():
        assert signal.getsignal(signal.SIGINT) != before[signal.SIGINT]
    after = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGCHLD)}
    assert after == before


def test_what_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Bell() as bell:
            os.kill(os.getpid(), signal.SIGHUP)
            bell.wait(0)
            assert bell.rung == 0
    finally:
        signal.signal(signal.SIGHUP, before)
