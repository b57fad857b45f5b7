import os
import subprocess
import sys
from pathlib import Path

import pytest

from tollkeeper_collector.journal.lock import JournalLocked, hold

TRY = """
import sys, pathlib
from tollkeeper_collector.journal.lock import JournalLocked, hold
try:
    hold(pathlib.Path(sys.argv[1]))
except JournalLocked as error:
    sys.exit(str(error))
"""


def test_a_second_process_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    held = hold(tmp_path)
    refused = _try(tmp_path)
    assert refused.returncode == 1
    assert refused.stderr == f"another collector is using {tmp_path}\n"
    os.close(held)
    assert _try(tmp_path).returncode == 0


def test_the_same_process_is_refused_too(tmp_path: Path) -> None:
    held = hold(tmp_path)
    with pytest.raises(JournalLocked):
        hold(tmp_path)
    os.close(held)


def _try(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", TRY, str(folder)], capture_output=True, text=True, check=False
    )
