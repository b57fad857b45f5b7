"""``tollkeeper up`` restarts what crashes, refuses a second one, and loses nothing at its end."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from tests.equipment.raw_http import NoAnswer, request_bytes
from tests.equipment.sql import Sql
from tests.equipment.stack import Stack

pytestmark = pytest.mark.timeout(240)

PATIENCE_S: Final = 40.0
BODY: Final = b'{"model":"demo/echo","messages":[{"role":"user","content":"hi"}]}'
SLOW: Final = (
    b'{"model":"demo/slow-0.3","stream":true,"messages":[{"role":"user","content":"a b c"}]}'
)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return a product that only these tests use, for it will be killed."""
    with Stack(tmp_path_factory.mktemp("supervised")) as stack:
        yield stack


@pytest.fixture
def own(product: Stack) -> Stack:
    """Return it running, whatever the last test did to it."""
    if product.process is None or product.process.poll() is not None:
        product.launch()
    product.wait_ready()
    return product


def test_a_crashed_proxy_is_started_again_on_its_port_and_said_so(own: Stack) -> None:
    port, pid = own.ports["proxy"], own.pids["proxy"]
    os.kill(pid, signal.SIGKILL)
    _until(lambda: _answers(own))
    assert "proxy-0 died (killed by SIGKILL); starting it again" in own.log_file.read_text()
    run = json.loads((own.data / "run.json").read_text())
    assert run["ports"]["proxy"] == port
    assert run["pids"]["proxy"] != pid


def test_a_crashed_collector_loses_no_call_and_counts_none_twice(own: Stack) -> None:
    before = [_ask(own) for _ in range(20)]
    os.kill(own.pids["collector"], signal.SIGKILL)
    during = [_ask(own) for _ in range(20)]
    _until(lambda: "collector is back" in own.log_file.read_text())
    after = [_ask(own) for _ in range(20)]
    request_ids = [*before, *during, *after]
    assert _stored(own, request_ids) == dict.fromkeys(request_ids, 1)


def test_a_second_one_on_the_same_folder_is_refused_in_one_line(own: Stack) -> None:
    refused = own.run("up", "--proxy-port", "0", check=False)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "another 'tollkeeper up'" in refused.stderr
    assert _answers(own)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_stopping_loses_nothing_that_was_answered(own: Stack, by: signal.Signals) -> None:
    request_ids = [_ask(own) for _ in range(50)]
    assert own.stop(by) == 0
    assert not [pid for pid in own.pids.values() if _lives(pid)]
    assert not (own.data / "run.json").exists()
    own.launch()
    own.wait_ready()
    assert _stored(own, request_ids) == dict.fromkeys(request_ids, 1)


def test_stopping_lets_an_open_stream_end(own: Stack) -> None:
    headers = (("Authorization", f"Bearer {own.key}"), ("Content-Type", "application/json"))
    with own.connect() as connection:
        connection.send(request_bytes("/v1/chat/completions", SLOW, headers=headers))
        connection.read_some(1)
        assert own.process is not None
        own.process.send_signal(signal.SIGINT)
        rest = connection.read_until_close()
    assert b"data: [DONE]" in rest
    assert own.process.wait(PATIENCE_S) == 0


def test_children_do_not_outlive_a_killed_supervisor(own: Stack) -> None:
    pids = dict(own.pids)
    assert own.process is not None
    own.process.kill()
    own.process.wait()
    _until(lambda: not [pid for pid in pids.values() if _lives(pid)])
    own.launch()
    own.wait_ready()
    assert _answers(own)


def test_the_start_is_told_in_a_way_a_person_can_read(own: Stack) -> None:
    told = own.log_file.read_text()
    for port in own.ports.values():
        assert f":{port}" in told
    assert "password" in told
    assert "curl " in told


def test_a_mistake_in_the_configuration_is_one_line_and_status_2(tmp_path: Path) -> None:
    stack = Stack(tmp_path, {"servr": {"port": 1}})
    stack.launch()
    assert stack.process is not None
    assert stack.process.wait(PATIENCE_S) == 2
    (line,) = stack.log_file.read_text().strip().splitlines()
    assert "tollkeeper.yaml:1" in line
    assert "server" in line


def _ask(stack: Stack) -> str:
    answer = stack.ask("/v1/chat/completions", BODY)
    assert answer.status == 200, answer.body
    return answer.header("x-request-id")


def _answers(stack: Stack) -> bool:
    try:
        return stack.ask("/v1/chat/completions", BODY).status == 200
    except (OSError, NoAnswer):
        return False


def _stored(stack: Stack, request_ids: list[str]) -> dict[str, int]:
    """Return how many raw rows each request has, once none is missing."""
    with Sql(stack.ports["sql"], stack.key) as sql:
        rows = sql.wait(
            "SELECT request_id, count() AS times FROM llm_calls"
            " WHERE request_id IN {ids:Array(String)} GROUP BY request_id",
            {"ids": request_ids},
            until=lambda rows: len(rows) >= len(request_ids),
        )
    return {row["request_id"]: row["times"] for row in rows}


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)
