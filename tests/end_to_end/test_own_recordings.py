"""Our own recordings through the running product, for checkouts without the large collection."""

from collections.abc import Iterator

import pytest
from tests.end_to_end.record import PATHS
from tests.equipment.interaction import Interaction
from tests.equipment.own_recordings import own_recordings
from tests.equipment.passage import (
    TOKENS,
    Passed,
    listed,
    misfiled,
    send_all,
    tokens_of,
    unlike,
)
from tests.equipment.replay_provider import ReplayProvider
from tests.equipment.sql import Row, Sql
from tests.equipment.sse_events import said_by
from tests.equipment.stack import Stack

RECORDINGS = own_recordings()


@pytest.fixture(scope="module")
def passed(stack: Stack, replay: ReplayProvider) -> list[Passed]:
    return send_all(stack, replay, RECORDINGS)


@pytest.fixture(scope="module")
def calls(stack: Stack, passed: list[Passed]) -> Iterator[dict[str, Row]]:
    with Sql(stack.ports["sql"], stack.key) as sql:
        yield {row["request_id"]: row for row in sql.calls([each.request_id for each in passed])}


def test_every_path_is_recorded() -> None:
    assert {each.file for each in RECORDINGS} == {f"own/{name}.yaml" for name in PATHS}


def test_what_the_provider_sent_comes_back_as_it_was(passed: list[Passed]) -> None:
    wrong = {each.interaction.name: how for each in passed if (how := unlike(each))}
    assert not wrong, listed(wrong)


def test_the_store_holds_what_was_said(passed: list[Passed], calls: dict[str, Row]) -> None:
    wrong = {
        each.interaction.name: columns
        for each in passed
        if (columns := misfiled(calls[each.request_id], each.interaction))
    }
    assert not wrong, listed(wrong)


def test_usage_is_stored_as_told_and_never_as_zero_by_default(
    passed: list[Passed], calls: dict[str, Row]
) -> None:
    for each in passed:
        row, usage = calls[each.request_id], said_by(each.interaction).usage
        if usage is not None:
            assert {name: row[name] for name in TOKENS} == tokens_of(usage), each.interaction.name
            assert row["usage_source"] == "provider"
        elif each.interaction.status == 200:
            assert row["usage_source"] == "estimated", each.interaction.name
            assert row["output_tokens"] > 0


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
def test_the_built_in_provider_still_answers_as_recorded(
    stack: Stack, recording: Interaction
) -> None:
    body = recording.request_body.replace(b'"model":"', b'"model":"demo/', 1)
    answer = stack.ask("/v1/chat/completions", body)
    assert answer.status == recording.status
    assert answer.body == recording.served_body()
