"""A storage URL names an engine or is refused in words that help, and never shows its password."""

from pathlib import Path

import pytest
from tests.collector.conftest import ServerProcess
from tests.collector.store.spans import block, call

from tollkeeper.errors import ConfigError
from tollkeeper_collector.store import StoreUnavailable
from tollkeeper_collector.store.clickhouse import open_store
from tollkeeper_collector.store.opening import open_engine


@pytest.mark.parametrize(
    "url", ["", "chdb", "chdb://", "chdb:///", "sqlite:///x", "clickhouse://", "http://", "x://y"]
)
def test_refuses_what_names_no_store(url: str) -> None:
    with pytest.raises(ConfigError, match=r"storage\.url"):
        open_engine(url)


def test_refuses_another_database_than_ours() -> None:
    with pytest.raises(ConfigError, match="always 'otel'"):
        open_engine("clickhouse://host/default")


def test_tells_both_shapes_apart(tmp_path: Path) -> None:
    assert open_engine(f"chdb://{tmp_path}/a%20b").shown_url == f"chdb://{tmp_path}/a b"
    assert open_engine("chdb://data/x").shown_url == "chdb://data/x"
    for url in ("clickhouse://host", "http://host:8123", "clickhouse://host/otel"):
        assert open_engine(url).shown_url.endswith("://host:8123")
    for url in ("clickhouses://host", "https://host:8443/otel"):
        assert open_engine(url).shown_url.endswith("://host:8443")


def test_never_shows_a_password() -> None:
    engine = open_engine("clickhouse://me:hunter2@127.0.0.1:9")
    assert "hunter2" not in engine.shown_url
    assert "hunter2" not in repr(engine)
    with pytest.raises(StoreUnavailable) as failure:
        engine.client()
    assert "hunter2" not in str(failure.value)


def test_waits_while_a_server_refuses_and_goes_on_when_it_takes_again(
    server: ServerProcess,
) -> None:
    store = open_store(server.url)
    store.insert(block([call(1)]))
    server.switch("refuse")
    with pytest.raises(StoreUnavailable):
        store.insert(block([call(2)]))
    server.switch("")
    store.insert(block([call(2)]))
    client = store.engine.client()
    assert client.command("SELECT count() FROM otel.llm_calls") == 2
    client.close()
    store.close()


def test_keeps_a_block_once_whose_answer_was_lost(server: ServerProcess) -> None:
    store = open_store(server.url)
    kept = block([call(1), call(2)])
    store.insert(block([call(3)]))
    server.switch("lose-answers")
    with pytest.raises(StoreUnavailable):
        store.insert(kept)
    server.switch("")
    store.insert(kept)
    client = store.engine.client()
    assert client.command("SELECT count() FROM otel.otel_traces") == 3
    assert client.command("SELECT count() FROM otel.llm_calls") == 3
    client.close()
    store.close()


def test_a_server_that_is_away_is_worth_waiting_for() -> None:
    store = open_store("clickhouse://127.0.0.1:9")
    with pytest.raises(StoreUnavailable):
        store.insert(block([call(1)]))
