import pytest

from tollkeeper.config import Environment


def test_the_environment_is_never_printed() -> None:
    assert "hunter2" not in repr(Environment({"KEY": "hunter2"}))


def test_an_extended_environment_leaves_the_first_alone() -> None:
    first = Environment({"A": "1"})
    second = first.extended(B="2")
    assert (first.get("B"), second.get("A"), second.get("B")) == (None, "1", "2")


def test_a_copy_of_the_process_does_not_follow_later_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = Environment.of_process()
    monkeypatch.setenv("TOLLKEEPER_LATER", "1")
    assert taken.get("TOLLKEEPER_LATER") is None
