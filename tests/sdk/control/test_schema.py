import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from tests.equipment import postgres

from tollkeeper.control import KeyStore
from tollkeeper.control.engine import create_private, open_engine, parse
from tollkeeper.control.schema import HEAD, MIGRATIONS, is_current, migrate
from tollkeeper.control.tables import METADATA
from tollkeeper.errors import ControlUnreachable

MIGRATE = "import sys; from tollkeeper.control.schema import migrate; migrate(sys.argv[1])"


def migrate_in_processes(url: str, count: int) -> list[tuple[int, bytes]]:
    started = [
        subprocess.Popen([sys.executable, "-c", MIGRATE, url], stderr=subprocess.PIPE)
        for _ in range(count)
    ]
    errors = [process.communicate()[1] for process in started]
    return [(process.returncode, error) for process, error in zip(started, errors, strict=True)]


def test_processes_that_migrate_at_once_all_succeed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/control.db"
    assert migrate_in_processes(url, 3) == [(0, b"")] * 3
    assert KeyStore(url).list() == []


def test_processes_that_migrate_at_once_all_succeed_on_postgresql() -> None:
    if not postgres.is_installed():
        pytest.skip(postgres.ABSENT)
    with postgres.running() as url:
        assert migrate_in_processes(url, 2) == [(0, b"")] * 2
        store = KeyStore(url)
        assert store.list() == []
        store.close()


def test_keys_written_while_others_migrate_are_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/control.db"
    migrate(url)
    store = KeyStore(url)
    with ThreadPoolExecutor(8) as pool:
        made = [pool.submit(store.create, f"key-{number}") for number in range(20)]
        again = pool.submit(migrate_in_processes, url, 1)
        names = {job.result()[1].name for job in made}
    assert again.result() == [(0, b"")]
    assert {record.name for record in store.list()} == names
    assert len(names) == 20


def test_the_migrated_store_is_what_the_tables_say(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/control.db"
    migrate(url)
    engine = open_engine(parse(url))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    engine.dispose()


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        migrate(f"sqlite:///{tmp_path}/sub/control.db")
        KeyStore(f"sqlite:///{tmp_path}/sub/control.db").create("ci")
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "sub").iterdir()}
    assert modes == {0o600}


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ControlUnreachable) as refused:
        migrate(f"sqlite:///{tmp_path}/file/control.db")
    assert "\n" not in str(refused.value)


def test_a_percent_sign_in_the_path_is_only_a_percent_sign(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/100%40/control.db"
    migrate(url)
    assert KeyStore(url).list() == []


def test_the_newest_migration_is_the_one_the_code_expects() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_store_of_an_older_release_is_brought_up_to_date(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/control.db"
    create_private(tmp_path / "control.db")
    assert not is_current(parse(url))
    migrate(url)
    assert is_current(parse(url))


def test_a_current_store_is_not_touched(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/control.db"
    migrate(url)
    (tmp_path / "control.db.lock").unlink()
    migrate(url)
    assert not (tmp_path / "control.db.lock").exists()
