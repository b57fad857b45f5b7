"""Our proxy as one process on one CPU, with a key of its own and spans going to a sink."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from tests.benchmarks.processes import GATEWAY_CPU, free_port, pinned, start, stop
from tests.benchmarks.servers import wait_for_port
from tests.equipment.stack import NotReady, clean_environment

READY_WITHIN_S = 40.0


@dataclass(slots=True)
class ProxyAlone:
    """The proxy without its collector; ``key_options`` go to ``keys create``."""

    folder: Path
    settings: Mapping[str, Any]
    key_options: Sequence[str] = ()
    port: int = 0
    key: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self.process is None:
            raise NotReady("not started")
        return self.process.pid

    def __enter__(self) -> Self:
        data = self.folder / "data"
        data.mkdir(parents=True)
        config = self.folder / "tollkeeper.yaml"
        config.write_text(yaml.safe_dump(dict(self.settings)))
        self.key = self._create_key(data)
        self.port = free_port()
        command = [sys.executable, "-m", "tollkeeper", "proxy", "--config", str(config)]
        command += ["--data", str(data), "--proxy-port", str(self.port)]
        self.process = start(
            pinned(GATEWAY_CPU, command), log=self.folder / "proxy.log", env=clean_environment({})
        )
        try:
            wait_for_port(self.port, self.process, within_s=READY_WITHIN_S)
        except (RuntimeError, TimeoutError) as error:
            stop(self.process)
            raise NotReady(f"{error}: {(self.folder / 'proxy.log').read_text()[-500:]}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process is not None:
            stop(self.process)

    def _create_key(self, data: Path) -> str:
        command = [sys.executable, "-m", "tollkeeper", "keys", "create", "--name", "bench"]
        created = subprocess.run(
            [*command, "--data", str(data), *self.key_options],
            capture_output=True,
            text=True,
            env=clean_environment({}),
            cwd=self.folder,
            check=False,
        )
        if created.returncode != 0:
            raise NotReady((created.stderr or created.stdout)[-500:])
        return created.stdout.strip().splitlines()[-1]
