import socket
from pathlib import Path

from tests.collector.collector_process import CollectorProcess


def refused(collector: CollectorProcess) -> str:
    """Start what cannot start; return the one line it says."""
    assert collector.launch().wait(60) == 2
    [line] = collector.log().splitlines()
    assert line.startswith("tollkeeper: ")
    return line


def test_an_unknown_setting_is_told_with_its_nearest_name(tmp_path: Path) -> None:
    collector = CollectorProcess(tmp_path, {"collector": {"otlp_prot": 1}})
    assert "otlp_port" in refused(collector)


def test_a_storage_that_is_none_is_told(tmp_path: Path) -> None:
    collector = CollectorProcess(tmp_path, {"storage": {"url": "mysql://here"}})
    assert "storage.url" in refused(collector)


def test_a_data_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    collector = CollectorProcess(tmp_path)
    (collector.data / "journal").write_text("a file where a folder should be")
    assert "data folder" in refused(collector)


def test_an_address_that_cannot_be_bound_is_told(tmp_path: Path) -> None:
    collector = CollectorProcess(tmp_path, {"collector": {"host": "192.0.2.1"}})
    assert "cannot be bound" in refused(collector)


def test_a_port_that_another_program_has_is_told(tmp_path: Path) -> None:
    collector = CollectorProcess(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        collector.flags["--otlp-port"] = str(taken.getsockname()[1])
        assert "cannot be bound" in refused(collector)
