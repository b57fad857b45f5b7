"""Python's logging in our log."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from tollkeeper.log_bridge import LogBridge
from tollkeeper.logs import Log


@pytest.fixture
def written() -> Iterator[tuple[logging.Logger, io.StringIO, Log]]:
    stream = io.StringIO()
    log = Log("test", stream)
    logger = logging.Logger("library")
    logger.addHandler(LogBridge(log))
    yield logger, stream, log
    log.close()


def test_an_exception_becomes_one_line_without_a_traceback(
    written: tuple[logging.Logger, io.StringIO, Log],
) -> None:
    logger, stream, log = written
    try:
        raise ValueError("no\nluck with sk-abcdefghijklmnopqrstuvwxyz123456")
    except ValueError:
        logger.exception("it %s", "failed")
    log.close()
    (line,) = stream.getvalue().splitlines()
    said = json.loads(line)
    assert (said["level"], said["event"], said["message"]) == ("error", "logged", "it failed")
    assert said["error"].startswith("ValueError: no")
    assert "Traceback" not in line
    assert "abcdefghijklmnopqrstuvwxyz" not in line


def test_what_is_only_informative_stays_out(
    written: tuple[logging.Logger, io.StringIO, Log],
) -> None:
    logger, stream, log = written
    logger.info("chatter")
    logger.warning("hear me")
    log.close()
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["hear me"]
