import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from tollkeeper.control.engine import create_private, file_of, open_engine, parse, reachable
from tollkeeper.control.schema import migrate
from tollkeeper.errors import ControlUnreachable


def test_postgresql_goes_through_psycopg() -> None:
    assert parse("postgresql://a:b@h/d").drivername == "postgresql+psycopg"
    assert parse("postgres://a:b@h/d").drivername == "postgresql+psycopg"


def test_a_relative_file_is_relative_to_where_we_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert file_of(parse("sqlite:///data/control.db")) == tmp_path / "data" / "control.db"
    assert file_of(parse(f"sqlite:///{tmp_path}/c.db")) == tmp_path / "c.db"


def test_an_existing_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "file"
    create_private(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("kept")
    create_private(path)
    assert path.read_text() == "kept"


def test_a_migrated_store_is_read_and_written_side_by_side(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/c.db"
    migrate(url)
    engine = open_engine(parse(url))
    tables = text("SELECT count(*) FROM sqlite_master WHERE name = 't'")
    with engine.connect() as reader:
        assert reader.execute(tables).scalar() == 0
        with engine.execution_options(writes=True).begin() as writer:
            writer.execute(text("CREATE TABLE t (x INTEGER)"))
        assert reader.execute(tables).scalar() == 0  # it still sees what it began with
        reader.rollback()
        assert reader.execute(tables).scalar() == 1
    engine.dispose()


def test_what_a_transaction_did_is_undone_when_it_fails_tables_too(tmp_path: Path) -> None:
    create_private(tmp_path / "c.db")
    engine = open_engine(parse(f"sqlite:///{tmp_path}/c.db"))

    def half() -> None:
        with engine.execution_options(writes=True).begin() as writer:
            writer.execute(text("CREATE TABLE t (x INTEGER)"))
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        half()
    with engine.connect() as reader:
        assert reader.execute(text("SELECT count(*) FROM sqlite_master")).scalar() == 0
    engine.dispose()


def test_a_failure_is_one_line_that_names_the_store_without_its_password() -> None:
    def fail() -> None:
        with reachable(parse("postgresql://owner:hunter2@db.example/t")):
            raise OSError("first line\nsecond line")

    with pytest.raises(ControlUnreachable) as refused:
        fail()
    assert str(refused.value).endswith("@db.example/t: first line")
    assert "hunter2" not in str(refused.value)
