"""What two parsers could read differently is noticed, and nothing else is."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_proxy.wire.json_doubts import MANY_QUOTES, Doubts, doubts_of

TEXT = st.text(st.sampled_from('a:"\\/{}[],\n\té🌍0'), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def doubts(body: bytes) -> Doubts:
    return doubts_of(body, orjson.loads(body), max_depth=50)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_a_plain_document_leaves_no_doubt(value: object, ascii_only: bool, indent: Any) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    try:
        found = doubts(body)
    except orjson.JSONDecodeError:
        return  # infinities and huge numbers are no JSON for us to begin with
    assert not found.repeats_a_key
    assert not found.too_deep
    assert found.has_huge_integer == any(not -(2**63) <= i < 2**64 for i in _integers(value))


def _integers(node: object) -> list[int]:
    if isinstance(node, (dict, list)):
        values = node.values() if isinstance(node, dict) else node
        return [i for value in values for i in _integers(value)]
    return [node] if isinstance(node, int) and not isinstance(node, bool) else []


@given(st.dictionaries(TEXT, VALUES, min_size=1, max_size=4), st.data())
def test_any_repeated_key_is_noticed(document: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(document)))
    body = json.dumps(document)
    again = f"{body[:-1]}, {json.dumps(key, ensure_ascii=data.draw(st.booleans()))}: 1}}"
    try:
        assert doubts(again.encode()).repeats_a_key
    except orjson.JSONDecodeError:
        return


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"\\u0061":2}',
        b'{"a":[{"b":1,"b":1}]}',
        b'{"":1,"":2}',
        b'[{"a\\\\":1,"a\\\\":2}]',
        b'{"a":"\\\\","a":"\\""}',
    ],
)
def test_a_repeated_key_is_noticed_however_it_is_written(body: bytes) -> None:
    assert doubts(body).repeats_a_key


@pytest.mark.parametrize(
    ("number", "huge"),
    [
        ("18446744073709551615", False),
        ("18446744073709551616", True),
        ("-9223372036854775808", False),
        ("-9223372036854775809", True),
        ("1" + "0" * 300, True),
        ("0.12345678901234567890123", False),
        ("12345678901234567890123.0", False),
        ("12345678901234567890123e-9", False),
        ("1.5e-0000000000000000000001", False),
        ('"12345678901234567890123"', False),
        ('{"12345678901234567890123": 1}', False),
    ],
)
def test_an_integer_beyond_64_bits_is_noticed(number: str, huge: bool) -> None:
    assert doubts(b"[%s]" % number.encode()).has_huge_integer == huge
    assert doubts(b'{"a": %s }' % number.encode()).has_huge_integer == huge


@pytest.mark.parametrize(("depth", "deep"), [(1, False), (49, False), (50, False), (51, True)])
def test_depth_is_bounded(depth: int, deep: bool) -> None:
    assert doubts(b"[" * depth + b"]" * depth).too_deep == deep
    assert doubts(b'{"a":' * depth + b"1" + b"}" * depth).too_deep == deep


def test_what_is_too_long_to_tell_is_doubtful() -> None:
    body = b"[" + b",".join([b'""'] * (MANY_QUOTES // 2 + 1)) + b"]"
    assert doubts(body).repeats_a_key
