"""The analytics store for tests, in both shapes: chDB in this process, ClickHouse over HTTP.

The tables are made once and copied. chDB serves one folder per process at a time, so an engine
lasts for one module and is emptied before each test.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tollkeeper_collector.migrations.runner import migrate
from tollkeeper_collector.store.clickhouse import ClickHouseStore
from tollkeeper_collector.store.opening import Engine, open_engine
from tollkeeper_collector.store.tenancy import TENANT_COLUMN

SERVER = Path(__file__).parent / "store" / "clickhouse_server.py"
MAKE_TABLES = """
import sys
from tollkeeper_collector.migrations.runner import migrate
from tollkeeper_collector.store.opening import open_engine
migrate(open_engine(sys.argv[1]))
"""


class ServerProcess:
    """A stand-in for a ClickHouse server, started on a folder."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SERVER), str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.url = f"clickhouse://127.0.0.1:{self.port}"

    def switch(self, broken: str) -> None:
        """Make every answer fail from now on; "" repairs it."""
        urlopen(f"http://127.0.0.1:{self.port}/switch?broken={broken}").close()

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=20)


@pytest.fixture(scope="session")
def migrated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with empty tables, to be copied; another process made them."""
    folder = tmp_path_factory.mktemp("store") / "template"
    subprocess.run([sys.executable, "-c", MAKE_TABLES, f"chdb://{folder}"], check=True)
    return folder


@pytest.fixture
def server(migrated_folder: Path, tmp_path: Path) -> Iterator[ServerProcess]:
    """Start a server of this test's own."""
    shutil.copytree(migrated_folder, tmp_path / "server", symlinks=True)
    process = ServerProcess(tmp_path / "server")
    yield process
    process.stop()


@pytest.fixture(scope="module", params=["chdb", "clickhouse"])
def engine(
    request: pytest.FixtureRequest, migrated_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """Return a migrated engine of either shape."""
    folder = tmp_path_factory.mktemp("engine") / request.param
    shutil.copytree(migrated_folder, folder, symlinks=True)
    if request.param == "chdb":
        yield open_engine(f"chdb://{folder}")
        return
    process = ServerProcess(folder)
    engine = open_engine(process.url)
    migrate(engine)
    yield engine
    process.stop()


@pytest.fixture
def store(engine: Engine) -> Iterator[ClickHouseStore]:
    """Return an empty store on the module's engine."""
    client = engine.client()
    for table in TENANT_COLUMN:
        client.command(f"TRUNCATE TABLE otel.{table}")
    client.close()
    store = ClickHouseStore(engine)
    yield store
    store.close()
