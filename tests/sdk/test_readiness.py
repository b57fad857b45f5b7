import os
from pathlib import Path

from tollkeeper.readiness import Ready, read_report, report_path, report_ready


def test_a_component_that_has_not_reported_is_not_ready(tmp_path: Path) -> None:
    assert read_report(tmp_path, "collector") is None


def test_a_report_names_process_and_ports(tmp_path: Path) -> None:
    report_ready(tmp_path / "data", "collector", {"otlp": 4318, "sql": 8123})
    expected = Ready(os.getpid(), {"otlp": 4318, "sql": 8123})
    assert read_report(tmp_path / "data", "collector") == expected


def test_a_later_report_replaces_the_first_and_leaves_no_draft(tmp_path: Path) -> None:
    report_ready(tmp_path, "proxy-0", {"proxy": 1})
    report_ready(tmp_path, "proxy-0", {"proxy": 2})
    assert read_report(tmp_path, "proxy-0") == Ready(os.getpid(), {"proxy": 2})
    assert list((tmp_path / "run").iterdir()) == [report_path(tmp_path, "proxy-0")]
