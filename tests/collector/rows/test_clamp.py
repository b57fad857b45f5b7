from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_collector.rows.clamp import (
    MAX_ATTRIBUTES,
    MAX_KEY,
    MAX_VALUE,
    bounded,
    clamp,
    drop_long_keys,
)


def test_what_is_within_bounds_is_not_copied() -> None:
    attributes = {"k" * MAX_KEY: "v" * MAX_VALUE}
    assert bounded(attributes, Counter()) is attributes
    assert bounded({}, Counter()) == {}


def test_long_names_go() -> None:
    cuts: Counter[str] = Counter()
    assert drop_long_keys({"k" * (MAX_KEY + 1): "v", "a": "b"}, cuts) == {"a": "b"}
    assert cuts == {"attributes": 1}


def test_the_first_attributes_stay() -> None:
    cuts: Counter[str] = Counter()
    kept = clamp({str(n): "v" for n in range(MAX_ATTRIBUTES + 5)}, cuts)
    assert list(kept) == [str(n) for n in range(MAX_ATTRIBUTES)]
    assert cuts == {"attributes": 5}


def test_long_values_are_cut_and_counted() -> None:
    cuts: Counter[str] = Counter()
    kept = clamp({"a": "x" * (MAX_VALUE + 1), "b": "y"}, cuts)
    assert kept == {"a": "x" * MAX_VALUE, "b": "y"}
    assert cuts == {"values": 1}


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8)))
def test_small_attributes_come_through_unchanged(attributes: dict[str, str]) -> None:
    cuts: Counter[str] = Counter()
    assert bounded(attributes, cuts) == attributes
    assert not cuts
