import json
import stat
from pathlib import Path

import pytest

from tollkeeper.control import KeyStore
from tollkeeper.control.schema import migrate
from tollkeeper.errors import UseError
from tollkeeper.keys import digest
from tollkeeper.supervisor.first_run import PASSWORD_FILE, Secrets, check, matches, prepare


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path}/control.db"
    migrate(made)
    return made


def test_the_first_run_shows_a_password_and_a_key_and_later_ones_nothing(
    tmp_path: Path, url: str
) -> None:
    first = prepare(tmp_path, url, wanted_password=None)
    content = (tmp_path / PASSWORD_FILE).read_text()
    assert matches(content, first.password)
    assert not matches(content, first.password + "x")
    assert first.password not in content
    assert json.loads(content).keys() == {"salt", "n", "r", "p", "hash"}
    assert stat.S_IMODE((tmp_path / PASSWORD_FILE).stat().st_mode) == 0o600
    store = KeyStore(url)
    found = store.find(digest(first.key))
    store.close()
    assert found is not None
    assert found.key_name == "first-run"
    assert prepare(tmp_path, url, wanted_password=None) == Secrets()


def test_a_wanted_password_counts_and_is_not_shown(tmp_path: Path, url: str) -> None:
    prepare(tmp_path, url, wanted_password=None)
    assert prepare(tmp_path, url, wanted_password="correct horse battery").password == ""
    content = (tmp_path / PASSWORD_FILE).read_text()
    assert matches(content, "correct horse battery")
    prepare(tmp_path, url, wanted_password="correct horse battery")
    assert (tmp_path / PASSWORD_FILE).read_text() == content  # sessions bound to it live on


def test_a_short_password_is_refused() -> None:
    with pytest.raises(UseError, match="TOLLKEEPER_DASHBOARD_PASSWORD"):
        check("short")


@pytest.mark.parametrize("damaged", ["", "{}", "[]", '{"salt": "x"}', "null"])
def test_a_damaged_password_file_is_nobodys(damaged: str) -> None:
    assert not matches(damaged, "correct horse battery")
