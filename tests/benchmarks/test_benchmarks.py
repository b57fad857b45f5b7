"""The benchmarks size their answers as stated and leave out what is absent."""

import pytest
from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import servers, table
from tests.equipment.sse_events import documents


def test_the_fixed_answers_are_of_the_stated_size() -> None:
    assert len(servers.json_answer()) == servers.JSON_BYTES
    stream = servers.sse_answer()
    assert stream.count(b"\n\n") == servers.STREAM_EVENTS
    assert len(documents(stream)) == servers.STREAM_EVENTS - 1  # and [DONE]


def test_a_table_aligns_its_figures() -> None:
    lines = table.rendered("title", ["", "req/s"], [["direct", "1"], ["x", "1,000"]]).split("\n")
    assert lines[:2] == ["title", "        req/s"]
    assert lines[3:5] == ["direct      1", "x       1,000"]


def test_a_spread_names_its_ends() -> None:
    assert table.spread([3.0, 1.0, 2.0]) == "2 [1-3]"
    assert table.spread([1234.0]) == "1,234"


def test_an_unknown_benchmark_is_refused_with_the_names_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert benchmarks.main(["nonsense"]) == 2
    assert "nonsense; there are answers, streams" in capsys.readouterr().out


def test_what_is_not_installed_is_said_and_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(servers.shutil, "which", lambda *_names, **_options: None)
    for name in ("alarm", "signal"):  # the test's own time limit uses them
        monkeypatch.setattr(benchmarks.signal, name, lambda *_arguments: 0)
    assert benchmarks.main(["answers", "streams"]) == 0
    assert "left out, nginx or wrk is not installed" in capsys.readouterr().out
