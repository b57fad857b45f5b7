from pathlib import Path

import pytest

from tollkeeper.cli.program import run


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("TOLLKEEPER_CONFIG", "TOLLKEEPER_DATA", "TOLLKEEPER_PROXY_PORT"):
        monkeypatch.delenv(name, raising=False)


def rows(capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    lines = capsys.readouterr().out.splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


def test_prints_values_with_their_source_and_masks_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "hunter2hunter2")
    monkeypatch.setenv("TOLLKEEPER_PROXY_PORT", "4001")
    (tmp_path / "tollkeeper.yaml").write_text(
        "server: {drain_s: 3}\nproviders:\n  openai: {api_key: '${OPENAI_API_KEY}'}\n"
    )
    assert run(["config"]) == 0
    shown = rows(capsys)
    assert shown["server.port"] == ["4001", "TOLLKEEPER_PROXY_PORT"]
    assert shown["server.drain_s"] == ["3.0", "tollkeeper.yaml:1"]
    assert shown["server.host"] == ["127.0.0.1", "default"]
    assert shown["providers.openai.api_key"] == ["***", "tollkeeper.yaml:3"]
    assert shown["control.url"] == [f"sqlite:///{tmp_path}/data/control.db", "default"]


def test_a_mistake_in_the_file_is_one_line_and_status_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tollkeeper.yaml").write_text("server:\n  prot: 1\n")
    assert run(["config"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines()[-1] == (
        "tollkeeper: tollkeeper.yaml:2: unknown field 'prot'; did you mean 'port'?"
    )


def test_looking_creates_nothing(tmp_path: Path) -> None:
    assert run(["config", "--data", "d"]) == 0
    assert list(tmp_path.iterdir()) == []
