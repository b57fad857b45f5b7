"""What a question is about: values are bound, names come from a list."""

from datetime import UTC, datetime, timedelta

from tollkeeper_dashboard.queries.scope import CALLS, DIMENSIONS, Scope
from tollkeeper_dashboard.ranges import between

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_everything_chosen_is_a_parameter() -> None:
    scope = Scope(between(NOON, NOON + timedelta(hours=1)), "m'", "k`", "u--", "t{}")
    assert dict(scope.parameters) == {
        "since_us": 1_767_268_800_000_000,
        "until_us": 1_767_272_400_000_000,
        "model": "m'",
        "key": "k`",
        "user": "u--",
        "tenant": "t{}",
    }
    for name in scope.parameters:
        assert f"{{{name}:" in CALLS


def test_the_identifiers_are_a_closed_list() -> None:
    assert set(DIMENSIONS) == {"model", "key", "user"}
