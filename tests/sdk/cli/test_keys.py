from pathlib import Path

import pytest

from tollkeeper.cli.program import run
from tollkeeper.control import KeyStore
from tollkeeper.keys import digest


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOLLKEEPER_CONFIG", raising=False)
    monkeypatch.delenv("TOLLKEEPER_DATA", raising=False)


def create(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(["keys", "create", *words]) == 0
    return capsys.readouterr().out.splitlines()[-1]


def test_the_last_line_is_the_key_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = create(capsys, "--name", "ci", "--data", "d", "--tenant", "search", "--budget-usd", "1.5")
    store = KeyStore(f"sqlite:///{tmp_path}/d/control.db")
    found = store.find(digest(key))
    store.close()
    assert found is not None
    assert (found.key_name, found.tenant_id, found.budget_nanousd) == (
        "ci",
        "search",
        1_500_000_000,
    )


def test_keys_go_where_the_file_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.yaml").write_text(f"control: {{url: 'sqlite:///{tmp_path}/elsewhere.db'}}\n")
    create(capsys, "--name", "ci", "--config", "t.yaml")
    assert (tmp_path / "elsewhere.db").exists()
    assert not (tmp_path / "data").exists()


def test_the_list_names_every_key_and_shows_none(capsys: pytest.CaptureFixture[str]) -> None:
    made = [create(capsys, "--name", name, "--expires-days", "3") for name in ("one", "two")]
    assert run(["keys", "list"]) == 0
    shown = capsys.readouterr().out
    assert shown.index("one") < shown.index("two")
    assert all(key not in shown and key[:9] in shown for key in made)


def test_a_revoked_key_is_listed_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    create(capsys, "--name", "ci")
    assert run(["keys", "revoke", "ci"]) == 0
    assert run(["keys", "list"]) == 0
    assert "revoked 20" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["create"], "--name"),
        (["create", "--name", ""], "a key's name has 1 to 100"),
        (["create", "--name", "a", "--role", "king"], "'king' is not one of"),
        (["create", "--name", "a", "--budget-usd", "lots"], "not an amount"),
        (["create", "--name", "a", "--budget-usd", "-1"], "zero or more"),
        (["create", "--name", "a", "--budget-usd", "nan"], "zero or more"),
        (["create", "--name", "a", "--budget-usd", "0.0000000001"], "at most 9 decimals"),
        (["create", "--name", "a", "--budget-usd", "1e30"], "9.2 billion"),
        (["create", "--name", "a", "--expires-days", "0"], "--expires-days"),
        (["create", "--name", "a", "--tenant", "a b"], "a tenant is"),
        (["create", "--name", "a", "--config", "none.yaml"], "none.yaml: no such"),
        (["revoke", "nobody"], "no live key is called 'nobody'"),
        (["lost"], "No such command 'lost'"),
    ],
)
def test_a_mistake_is_one_line_and_status_two(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keys", *words]) == 2
    output = capsys.readouterr()
    assert output.err.startswith("tollkeeper: ")
    assert output.err.count("\n") == 1
    assert said in output.err
    assert "tk-" not in output.out


def test_an_unreachable_store_is_one_line_and_status_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "postgresql://owner:hunter2@127.0.0.1:1/tollkeeper"
    (tmp_path / "tollkeeper.yaml").write_text(f"control: {{url: '{url}'}}\n")
    assert run(["keys", "list"]) == 1
    output = capsys.readouterr()
    assert output.err.count("\n") == 1
    assert "hunter2" not in output.err
