"""Every row of the manifest is either loaded or named with the reason it cannot be."""

import csv
import json

import pytest
from tests.equipment.interaction import decoded
from tests.equipment.places import ABSENT, has_shared, shared
from tests.equipment.recordings import chat_interactions, recordings

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not has_shared(), reason=ABSENT),
]


def test_every_row_is_loaded_or_named_with_a_reason() -> None:
    with (shared() / "data" / "traffic" / "manifest.csv").open() as manifest:
        rows = sum(1 for _ in csv.DictReader(manifest))
    loaded = recordings()
    assert len(loaded.interactions) + len(loaded.unloaded) == rows
    assert all(each.reason for each in loaded.unloaded)
    unexpected = [each for each in loaded.unloaded if ".xai." not in each.file]
    assert all("realtime" in each.file for each in unexpected)


def test_every_recorded_chat_completion_can_be_asked_and_answered() -> None:
    interactions = chat_interactions()
    assert len(interactions) == 685
    assert len({each.id for each in interactions}) == len(interactions)
    for each in interactions:
        assert isinstance(json.loads(each.request_body), dict), each.name
        assert each.served_body(), each.name


def test_no_served_body_is_still_coded() -> None:
    assert not any(each.served_body().startswith(b"\x1f\x8b") for each in chat_interactions())


def test_a_body_decoded_by_the_recorder_is_left_alone() -> None:
    assert decoded(b'{"a":1}', "gzip") == b'{"a":1}'
