import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from tests.equipment.supervised import Supervised, is_running

STEADY = """
ready()
while True:
    signal.pause()
"""
CRASHES_ONCE = """
if not os.path.exists(f"{data}/crashed"):
    ready()
    while not os.path.exists(f"{data}/run.json"):
        time.sleep(0.01)
    open(f"{data}/crashed", "w").close()
    os.kill(os.getpid(), signal.SIGSEGV)
ready(proxy=4711)
while True:
    signal.pause()
"""
HOPELESS = """
sys.exit("no luck with tk-abcdefghijklmnop")
"""
STUBBORN = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
ready()
while True:
    signal.pause()
"""
LISTENS = """
import socket
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(os.environ["PORT"])))
listener.listen()
ready(proxy=listener.getsockname()[1])
while True:
    signal.pause()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads processes from /proc")


@pytest.fixture
def house(tmp_path: Path) -> Supervised:
    return Supervised(tmp_path / "data")


def test_when_all_are_ready_the_run_file_names_ports_and_processes(house: Supervised) -> None:
    house.add("collector", "ready(otlp=4318)\nsignal.pause()").add("proxy-0", STEADY)
    with house:
        found = house.wait_ready()
        assert found["ports"].keys() == {"proxy", "otlp"}
        assert found["ports"]["otlp"] == 4318
        assert found["ports"]["proxy"] > 0
        assert found["pids"].keys() == {"supervisor", "collector", "proxy-0", "proxy"}
        assert found["pids"]["proxy"] == found["pids"]["proxy-0"]
        assert house.process is not None
        assert found["pids"]["supervisor"] == house.process.pid
        assert all(is_running(pid) for pid in found["pids"].values())
        assert house.end() == 0


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_stops_in_order_and_leaves_nothing(house: Supervised, by: signal.Signals) -> None:
    house.add("collector", STEADY, stop_order=2)
    house.add("proxy-0", STEADY, stop_order=1).add("proxy-1", STEADY, stop_order=1)
    house.add("dashboard", STEADY, stop_order=0)
    with house:
        pids = house.wait_ready()["pids"]
        assert house.end(by) == 0
        assert not any(is_running(pid) for pid in pids.values())
    ended = [note.split()[0] for note in house.notes()]
    assert ended[0] == "dashboard"
    assert set(ended[1:3]) == {"proxy-0", "proxy-1"}
    assert ended[3] == "collector"
    assert not (house.data / "run.json").exists()


def test_ctrl_c_at_the_terminal_reaches_only_the_supervisor(house: Supervised) -> None:
    house.add("collector", STEADY)
    with house:
        pid = house.wait_ready()["pids"]["collector"]
        assert os.getpgid(pid) != os.getpgid(house.process.pid if house.process else 0)
        assert house.end(signal.SIGINT) == 0


def test_a_child_that_crashed_is_started_again_and_said_so(house: Supervised) -> None:
    house.add("proxy-0", CRASHES_ONCE)
    with house:
        first = house.wait_ready()["pids"]["proxy"]
        house.wait(lambda: "proxy-0 is back" in house.said(), "its return")
        again = house.run_file()
        assert again["pids"]["proxy"] != first
        assert again["pids"]["proxy"] == again["pids"]["proxy-0"]
        assert again["ports"]["proxy"] == 4711
        assert "proxy-0 died (killed by SIGSEGV); starting it again in 0.5 s" in house.said()
        assert house.end() == 0


def test_a_hopeless_start_shows_the_end_of_the_log_and_stops(house: Supervised) -> None:
    house.add("collector", STEADY).add("proxy-0", HOPELESS)
    with house:
        assert house.process is not None
        assert house.process.wait(30) == 1
        assert "proxy-0 died 3 times before it was ready (exit status 1)" in house.said()
        assert "no luck with tk-a…" in house.said()
        assert "efghijkl" not in house.said()
        assert "ready\n" not in house.said()
    assert house.notes() == ["collector asked to end"]
    assert not (house.data / "run.json").exists()


def test_who_does_not_end_in_time_is_killed(house: Supervised) -> None:
    house.add("proxy-0", STUBBORN, stop_limit_s=0.2).add("collector", STEADY, stop_order=1)
    with house:
        pid = house.wait_ready()["pids"]["proxy"]
        assert house.end() == 0
        assert not is_running(pid)
        assert house.said().count("proxy-0 did not end in time and was killed") == 1
    assert house.notes() == ["collector asked to end"]


def test_asking_twice_means_at_once(house: Supervised) -> None:
    house.add("proxy-0", STUBBORN, stop_limit_s=3600)
    with house:
        house.wait_ready()
        assert house.process is not None
        house.process.send_signal(signal.SIGINT)
        house.wait(lambda: not (house.data / "run.json").exists(), "the beginning of the end")
        assert house.end(signal.SIGINT) == 0


def test_asked_to_stop_before_all_are_ready_it_stops(house: Supervised) -> None:
    house.add("collector", "note('started')\nsignal.pause()")
    with house:
        house.wait(lambda: bool(house.notes()), "its start")
        assert house.end() == 0
    assert house.notes() == ["collector started", "collector asked to end"]


def test_a_second_one_on_the_same_folder_is_refused_in_one_line(house: Supervised) -> None:
    house.add("collector", STEADY)
    with house:
        house.wait_ready()
        second = Supervised(house.data)
        second._log = house.data.parent / "second.log"
        with second:
            assert second.process is not None
            assert second.process.wait(30) == 2
            assert second.said().startswith("refused: ")
            assert "another 'tollkeeper up' is running on this data folder" in second.said()
            assert second.said().count("\n") == 1
        assert house.end() == 0


def test_children_end_when_the_supervisor_is_killed_and_the_next_one_takes_over(
    house: Supervised,
) -> None:
    house.add("collector", STEADY).add("proxy-0", STEADY)
    with house:
        pids = house.wait_ready()["pids"]
        house.end(signal.SIGKILL)
        for name in ("collector", "proxy-0"):
            house.wait_gone(pids[name], name)
    again = Supervised(house.data).add("collector", STEADY)
    with again:
        again.wait_ready()
        assert again.end() == 0


def test_a_port_that_cannot_be_shared_is_released_for_its_child(house: Supervised) -> None:
    house.add("dashboard", LISTENS, unshared_port="proxy")
    with house:
        port = house.wait_ready()["ports"]["proxy"]
        socket.create_connection(("127.0.0.1", port)).close()
        assert house.end() == 0


def test_what_children_print_goes_to_their_logs(house: Supervised) -> None:
    house.add("collector", "print('out', flush=True); sys.stderr.write('err\\n')" + STEADY)
    with house:
        house.wait_ready()
        assert house.end() == 0
    assert (house.data / "logs" / "collector.log").read_text() == "out\nerr\n"
