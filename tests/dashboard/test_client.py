"""The one module that talks: typed cells from a real endpoint, errors that give nothing away."""

import socket
from decimal import Decimal

import pytest
from tests.dashboard.book import SYSTEM_KEY
from tests.dashboard.reading_room import ReadingRoom

from tollkeeper_dashboard.client import SqlClient, StoreAway, StoreRefused

HOSTILE = ["'; DROP TABLE x --", "{x:String}", "`a`", "\\N", "\\", "%s", "\0", "né\n\t'\"", ""]


def test_rows_come_by_name_with_their_types(store: SqlClient) -> None:
    (row,) = store.rows("SELECT toDecimal128('0.1', 12) AS cost, 7 AS n, ['a'] AS tags", {})
    assert row["cost"] == Decimal("0.1")
    assert (row["n"], row["tags"]) == (7, ["a"])


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_is_bound_and_never_part_of_the_sql(store: SqlClient, value: str) -> None:
    (row,) = store.rows("SELECT {value:String} AS value", {"value": value})
    assert row["value"] == value


def test_nobody_there_is_said_without_address_or_key() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    client = SqlClient("127.0.0.1", port, SYSTEM_KEY)
    with pytest.raises(StoreAway) as caught:
        client.rows("SELECT 1", {})
    assert str(caught.value) == "nobody answers"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_key_the_collector_does_not_know_is_said(room: ReadingRoom) -> None:
    client = room.client("tk-wrong")
    with pytest.raises(StoreRefused, match="key is not known"):
        client.rows("SELECT 1", {})


def test_a_refused_question_gives_a_code_and_nothing_of_itself(store: SqlClient) -> None:
    with pytest.raises(StoreRefused) as caught:
        store.rows("SELECT secret FROM otel.nowhere", {})
    assert str(caught.value) == "the store refused the question (code 60)"


def test_nothing_can_be_written(store: SqlClient) -> None:
    with pytest.raises(StoreRefused):
        store.rows("INSERT INTO otel.llm_calls (tenant_id) VALUES ('x')", {})


def test_a_store_that_comes_back_is_asked_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("coming-back")
    with ReadingRoom(folder) as first:
        client = first.client()
        assert client.rows("SELECT 1 AS one", {})
    with pytest.raises(StoreAway):
        client.rows("SELECT 1 AS one", {})
    client.close()
